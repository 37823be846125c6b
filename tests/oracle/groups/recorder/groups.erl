%% Process groups, with what a scenario does to them.
%%
%% main([Path]): the file has a scenario a term, {Processes, Actions}. Printed is, for each, a JSON line: what each action
%% returned, who was in which group afterwards, and what the monitors were told.
-module(groups).
-export([main/1]).

main([Path]) ->
    {ok, Scenarios} = file:consult(Path),
    [io:format("~ts~n", [play(S)]) || S <- Scenarios],
    halt(0).

play({Count, Actions}) ->
    {ok, Scope} = pg:start(scope),
    put(pids, [spawn(fun() -> receive stop -> ok end end) || _ <- lists:seq(1, Count)]),
    put(refs, []),
    Steps = [step(Action) || Action <- Actions],
    [exit(Pid, kill) || Pid <- get(pids)],
    exit(Scope, kill),
    settle(Scope),
    ["[", lists:join(",", Steps), "]"].

settle(Pid) ->
    Ref = monitor(process, Pid),
    receive {'DOWN', Ref, _, _, _} -> ok end.

step(Action) ->
    Result = do(Action),
    _ = pg:join(scope, settled, []), % the scope has heard of everything before
    ["{\"result\":", Result, ",\"members\":{",
     lists:join(",", [io_lib:format("\"~w\":~w", [G, [number(P) || P <- pg:get_members(scope, G)]]) || G <- [a, b]]),
     "},\"told\":[", lists:join(",", told()), "]}"].

do({join, Group, Who}) -> word(pg:join(scope, Group, pids(Who)));
do({leave, Group, Who}) -> word(pg:leave(scope, Group, pids(Who)));
do({kill, Number}) -> Pid = pid(Number), exit(Pid, kill), settle(Pid), "\"ok\"";
do({monitor, Group}) ->
    {Ref, Members} = pg:monitor(scope, Group),
    put(refs, get(refs) ++ [Ref]),
    io_lib:format("~w", [[number(P) || P <- Members]]);
do({monitor_scope}) ->
    {Ref, Groups} = pg:monitor_scope(scope),
    put(refs, get(refs) ++ [Ref]),
    Shown = [io_lib:format("\"~w\":~w", [G, [number(P) || P <- Ps]]) || {G, Ps} <- lists:sort(maps:to_list(Groups)), Ps =/= []],
    ["{", lists:join(",", Shown), "}"];
do({demonitor, Number}) -> word(pg:demonitor(scope, lists:nth(Number + 1, get(refs)))).

told() ->
    receive
        {_, _, settled, _} -> told();
        {Ref, Change, Group, Pids} ->
            [io_lib:format("[~w,\"~w\",\"~w\",~w]", [place(Ref, get(refs)), Change, Group, [number(P) || P <- Pids]]) | told()]
    after 0 -> []
    end.

word(Atom) -> io_lib:format("\"~w\"", [Atom]).
pid(Number) -> lists:nth(Number + 1, get(pids)).
pids(Numbers) when is_list(Numbers) -> [pid(N) || N <- Numbers];
pids(Number) -> pid(Number).
number(Pid) -> place(Pid, get(pids)).
place(Thing, List) -> length(lists:takewhile(fun(X) -> X =/= Thing end, List)).
