%% An application whose callbacks do what its script says, and write down that they were called. The includer defines
%% the module and APP. Its script is in the environment of the application `script`.

-export([start/2, start_phase/3, prep_stop/1, stop/1, config_change/3, top/1]).

script(Key) -> {ok, Script} = application:get_env(script, ?APP), maps:get(Key, Script).

up() -> whereis(?APP) =/= undefined.

start(normal, _) ->
    play:log([?APP, start]),
    case script(start) of
        ok -> {ok, top()};
        ok_state -> {ok, top(), state};
        error -> {error, boom};
        crash -> error(boom);
        exit_normal -> exit(normal);
        junk -> junk
    end.

top() ->
    Pid = spawn_link(?MODULE, top, [self()]),
    receive {Pid, up} -> Pid end.

top(Starter) ->
    process_flag(trap_exit, true),
    register(?APP, self()),
    Starter ! {self(), up},
    receive
        {'end', Reason} -> exit(Reason);
        {'EXIT', _, Reason} -> play:log([?APP, down, Reason]), exit(Reason)
    end.

start_phase(Phase, normal, Args) -> play:log([?APP, phase, Phase, Args]), ok.

prep_stop(State) ->
    play:log([?APP, prep_stop, word(State), up()]),
    case script(prep_stop) of ok -> prepared; crash -> error(boom) end.

stop(State) ->
    play:log([?APP, stop, word(State), up()]),
    case script(stop) of ok -> ok; crash -> error(boom) end.

config_change(Changed, New, Removed) ->
    play:log([?APP, config, lists:sort(Changed), lists:sort(New), lists:sort(Removed)]).

word([]) -> none;
word(State) -> State.
