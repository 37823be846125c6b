%% The supervisors: one for children that are started on request, one for a single named child.
-module(servers).
-behaviour(supervisor).
-export([start_link/1, init/1]).

start_link(Arg) -> supervisor:start_link(?MODULE, Arg).

init(dynamic) ->
    {ok, {#{strategy => simple_one_for_one}, [#{id => server, start => {server, start_link, []}}]}};
init({named, Name, Arg}) ->
    Flags = #{strategy => one_for_one, intensity => 1000000, period => 1},
    {ok, {Flags, [#{id => server, start => {server, start_link, [Name, Arg]}}]}}.
