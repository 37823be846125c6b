%% The module of the upgrades: as it runs first, with other bodies (BODIES), or with another state (STATE).
-module(upgraded).
-behaviour(gen_server).
-export([start/1, init/1, handle_call/3, handle_cast/2, code_change/3]).

start(Arg) -> gen_server:start(?MODULE, Arg, []).

-ifdef(STATE).
init(Count) -> {ok, {account, Count, eur}}.
handle_call(get, _From, {account, Count, _} = State) -> {reply, {new, Count}, State}.
%% Of a rolling upgrade, the new code meets old states, too.
handle_cast(tick, {account, Count}) -> {noreply, {account, Count + 1}};
handle_cast(tick, {account, Count, Currency}) -> {noreply, {account, Count + 1, Currency}}.
code_change(_Old, {account, Count}, _Extra) -> {ok, {account, Count, eur}}.
-else.
init(Count) -> {ok, {account, Count}}.
-ifdef(BODIES).
handle_call(get, _From, {account, Count} = State) -> {reply, {new, Count}, State}.
-else.
handle_call(get, _From, {account, Count} = State) -> {reply, {old, Count}, State}.
-endif.
handle_cast(tick, {account, Count}) -> {noreply, {account, Count + 1}}.
code_change(_Old, State, _Extra) -> {ok, State}.
-endif.
