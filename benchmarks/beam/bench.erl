%% The measures on the BEAM, as plain OTP code would do them. `main` prints one line of JSON and halts.
-module(bench).
-export([main/1]).

main([Measure, Size]) ->
    logger:set_primary_config(level, none),
    {Value, Extra} = measure(Measure, list_to_integer(Size)),
    Fields = [io_lib:format("\"~s\": ~w", [Name, float(V)]) || {Name, V} <- Extra],
    io:format("{\"value\": ~w, \"extra\": {~s}}~n", [float(Value), lists:join(", ", Fields)]),
    halt(0, [{flush, true}]).

measure("tell", Size) ->
    {ok, Server} = server:start(0),
    tell(Server, Size div 10),
    {Time, ok} = timer:tc(fun() -> tell(Server, Size) end),
    {per_second(Size, Time), []};
measure("call", Size) ->
    {ok, Target} = server:start(0),
    {calls(Target, Size) / Size, []};
measure("chain", Size) ->
    {ok, C} = server:start(0),
    {ok, B} = server:start({chain, C}),
    {ok, A} = server:start({chain, B}),
    {calls(A, Size) / Size, []};
measure("ring", Size) ->
    First = ring(500),
    hops(First, Size div 10),
    {Time, ok} = timer:tc(fun() -> hops(First, Size) end),
    {per_second(Size, Time), []};
measure("fan-in", Size) ->
    Senders = [Pid || _ <- lists:seq(1, 100), {ok, Pid} <- [server:start(0)]],
    {ok, Collector} = server:start({collect, 0, self()}),
    fan_in(Collector, Senders, Size div 10),
    {Time, ok} = timer:tc(fun() -> fan_in(Collector, Senders, Size) end),
    {per_second(Size, Time), []};
measure("spawn", Size) ->
    {ok, Sup} = servers:start_link(dynamic),
    start_children(Sup, Size div 10),
    {Time, ok} = timer:tc(fun() -> start_children(Sup, Size) end),
    {per_second(Size, Time), []};
measure("task", Size) ->
    %% In a process of its own: this one traps exits, and would keep a message of each.
    Self = self(),
    spawn(fun() ->
        tasks(Size div 10),
        {Time, ok} = timer:tc(fun() -> tasks(Size) end),
        Self ! {took, Time}
    end),
    receive {took, Time} -> {per_second(Size, Time), []} end;
measure("memory", Size) ->
    {Bytes, _Time} = idle(Size),
    {Bytes / Size, []};
measure("million", Size) ->
    {_Bytes, Time} = idle(Size),
    {Time / 1.0e6, [{"resident MB", resident_mb()}]};
measure("restart", Size) ->
    restarts(fun(_Pid) -> gen_server:cast(child, crash) end, Size);
measure("restart-kill", Size) ->
    restarts(fun(Pid) -> exit(Pid, kill) end, Size);
measure("fairness", Millis) ->
    Loops = loops_of_50_ms(),
    Hogs = [Pid || _ <- lists:seq(1, 4), {ok, Pid} <- [server:start(0)]],
    {ok, Echo} = server:start(0),
    [gen_server:cast(Hog, {burn, Loops}) || Hog <- Hogs],
    Times = asks(Echo, erlang:monotonic_time(microsecond) + Millis * 1000),
    {quantile(Times, 0.99) / 1000, [{"p50", quantile(Times, 0.5) / 1000}, {"max", lists:max(Times) / 1000},
                                   {"asks", length(Times)}]};
measure("upgrade-bodies", Size) -> upgrade("bodies", Size);
measure("upgrade-bodies-few", Size) -> upgrade("bodies", Size);
measure("upgrade-state", Size) -> upgrade("state", Size);
measure("upgrade-state-many", Size) -> upgrade("state", Size);
measure("upgrade-rolling", Size) -> rolling("state", Size).

per_second(Count, Micros) -> Count * 1.0e6 / max(Micros, 1).

%% task: what Elixir's Task.async and Task.await do.
tasks(0) -> ok;
tasks(Count) ->
    Self = self(),
    Tag = make_ref(),
    {_Pid, Monitor} = spawn_opt(fun() -> Self ! {Tag, 0} end, [link, monitor]),
    receive
        {Tag, 0} -> erlang:demonitor(Monitor, [flush])
    end,
    tasks(Count - 1).

%% tell: bursts of 10,000 casts, each followed by a call.
tell(_Server, 0) -> ok;
tell(Server, Count) ->
    Burst = min(Count, 10000),
    [gen_server:cast(Server, tick) || _ <- lists:seq(1, Burst)],
    gen_server:call(Server, sync),
    tell(Server, Count - Burst).

%% call and chain: a server does the calls, and times them.
calls(Target, Count) ->
    {ok, Caller} = server:start(0),
    gen_server:call(Caller, {calls, Target, Count div 10}, infinity),
    gen_server:call(Caller, {calls, Target, Count}, infinity).

ring(Count) ->
    Pids = [Pid || _ <- lists:seq(1, Count), {ok, Pid} <- [server:start(0)]],
    [First | Rest] = Pids,
    [Pid ! {next, Next} || {Pid, Next} <- lists:zip(Pids, Rest ++ [First])],
    First.

hops(First, Count) -> First ! {token, Count, self()}, wait(done).

%% fan-in: rounds of ten messages from each of a hundred senders.
fan_in(Collector, Senders, Count) ->
    [begin
         [Sender ! {send, Collector, 10} || Sender <- Senders],
         wait(done)
     end || _ <- lists:seq(1, Count div 1000)],
    ok.

start_children(_Sup, 0) -> ok;
start_children(Sup, Count) -> {ok, _} = supervisor:start_child(Sup, [Count]), start_children(Sup, Count - 1).

idle(Count) ->
    erlang:garbage_collect(),
    Before = erlang:memory(total),
    {Time, Pids} = timer:tc(fun() -> [Pid || N <- lists:seq(1, Count), {ok, Pid} <- [server:start(N)]] end),
    Bytes = erlang:memory(total) - Before,
    Count = length(Pids),
    {Bytes, Time}.

resident_mb() ->
    {ok, Status} = file:read_file("/proc/self/status"),
    {match, [KiB]} = re:run(Status, "VmRSS:\\s+(\\d+)", [{capture, all_but_first, list}]),
    list_to_integer(KiB) * 1024 / 1.0e6.

restarts(Stop, Count) ->
    {ok, _Sup} = servers:start_link({named, child, {announce, self()}}),
    wait(up),
    [restart(Stop) || _ <- lists:seq(1, max(1, Count div 10))],
    {Total, Times} = timer:tc(fun() -> [restart(Stop) || _ <- lists:seq(1, Count)] end),
    {quantile(Times, 0.5), [{"p99", quantile(Times, 0.99)}, {"per second", per_second(Count, Total)}]}.

restart(Stop) ->
    Pid = whereis(child),
    Begun = erlang:monotonic_time(nanosecond),
    Stop(Pid),
    wait(up),
    gen_server:call(child, ask),
    (erlang:monotonic_time(nanosecond) - Begun) / 1000.

asks(Echo, Until) ->
    Begun = erlang:monotonic_time(microsecond),
    case Begun < Until of
        false -> [];
        true ->
            gen_server:call(Echo, ask, infinity),
            Time = erlang:monotonic_time(microsecond) - Begun,
            timer:sleep(2),
            [Time | asks(Echo, Until)]
    end.

%% How often an empty loop turns in 50 ms: a process cannot read its own CPU time.
loops_of_50_ms() ->
    Tried = 10000000,
    Times = [element(1, timer:tc(fun() -> burn(Tried) end)) || _ <- lists:seq(1, 3)],
    Tried * 50000 div max(lists:min(Times), 1).

burn(0) -> ok;
burn(Loops) -> burn(Loops - 1).

quantile(Values, Share) ->
    Sorted = lists:sort(Values),
    lists:nth(min(length(Sorted), trunc(Share * length(Sorted)) + 1), Sorted).

%% All suspended, the code loaded, each changed and resumed: what release_handler does with `update`.
upgrade(Folder, Count) ->
    {{Time, ok}, Lost} = under_load(Folder, Count, fun(Pids, File, Binary) ->
        timer:tc(fun() -> change(Pids, File, Binary) end)
    end),
    {Time / 1000, [{"wall ms", Time / 1000}, {"lost", Lost}]}.

%% One after the other: each suspended, changed and resumed, the code loaded before; how long each was suspended.
rolling(Folder, Count) ->
    {Times, Lost} = under_load(Folder, Count, fun(Pids, File, Binary) ->
        {module, upgraded} = code:load_binary(upgraded, File, Binary),
        [roll(Pid) || Pid <- Pids]
    end),
    {quantile(Times, 0.5), [{"max ms", lists:max(Times) / 1000}, {"wall ms", lists:sum(Times) / 1000}, {"lost", Lost}]}.

roll(Pid) ->
    {Time, ok} = timer:tc(fun() ->
        ok = sys:suspend(Pid),
        ok = sys:change_code(Pid, upgraded, undefined, []),
        sys:resume(Pid)
    end),
    Time.

change(Pids, File, Binary) ->
    [sys:suspend(Pid) || Pid <- Pids],
    {module, upgraded} = code:load_binary(upgraded, File, Binary),
    [ok = sys:change_code(Pid, upgraded, undefined, []) || Pid <- Pids],
    [sys:resume(Pid) || Pid <- Pids],
    ok.

%% Do it to servers that get 20,000 casts a second; returns what it gave, and how many casts were lost.
under_load(Folder, Count, Fun) ->
    Pids = [Pid || _ <- lists:seq(1, Count), {ok, Pid} <- [upgraded:start(0)]],
    File = filename:join([filename:dirname(code:which(?MODULE)), Folder, "upgraded.beam"]),
    {ok, Binary} = file:read_file(File),
    Table = list_to_tuple(Pids),
    Boss = self(),
    Load = spawn(fun() -> load(Boss, Table, 0) end),
    timer:sleep(20),
    Done = Fun(Pids, File, Binary),
    Load ! stop,
    Cast = receive {casts, Casts} -> Casts end,
    Answers = [gen_server:call(Pid, get) || Pid <- Pids],
    [new] = lists:usort([Version || {Version, _} <- Answers]),
    {Done, Cast - lists:sum([Got || {_, Got} <- Answers])}.

load(Boss, Table, Casts) ->
    [gen_server:cast(element(rand:uniform(tuple_size(Table)), Table), tick) || _ <- lists:seq(1, 20)],
    receive
        stop -> Boss ! {casts, Casts + 20}
    after 1 -> load(Boss, Table, Casts + 20)
    end.

wait(Message) -> receive Message -> ok end.
