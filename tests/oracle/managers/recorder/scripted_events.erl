%% Event managers whose handlers do what a script says, and write down what they were asked.
%%
%% main([Path]): the file has a scenario a term, {Script, Actions}. Printed is, for each, a JSON line: what was seen after
%% each action. The modules h1 and h2 are the handlers; the k-th callback of any of them does what the k-th entry says.
-module(scripted_events).
-export([main/1, callback/4]).

main([Path]) ->
    logger:set_primary_config(level, none),
    ets:new(worlds, [named_table, public]),
    {ok, Scenarios} = file:consult(Path),
    Main = self(),
    Players = [spawn(fun() -> Main ! {self(), play(S)} end) || S <- Scenarios],
    [receive {Player, Line} -> io:format("~ts~n", [Line]) end || Player <- Players],
    halt(0).

play({Script, Actions}) ->
    process_flag(trap_exit, true),
    {ok, Manager} = gen_event:start_link(),
    Log = ets:new(log, [ordered_set, public]),
    ets:insert(worlds, {Manager, Log, Script, 0}),
    Seen = [begin Answer = act(Manager, Action), look(Manager, Log, Answer) end || Action <- Actions],
    unlink(Manager), exit(Manager, kill),
    ["[", lists:join(",", Seen), "]"].

%% -- actions

act(M, {notify, N}) -> gen_event:notify(M, N), ok;
act(M, {sync_notify, N}) -> gen_event:sync_notify(M, N);
act(M, {info, N}) -> M ! {info, N}, ok;
act(M, {call, H, N}) ->
    case try gen_event:call(M, H, N, infinity) catch exit:_ -> noproc end of
        {error, bad_module} -> not_found;
        {error, Why} -> failure(Why);
        Reply -> Reply
    end;
act(M, {add, H, A}) -> added(gen_event:add_handler(M, H, A));
act(M, {add_sup, Owner, H, A}) -> added(as(Owner, fun() -> gen_event:add_sup_handler(M, H, A) end));
act(M, {delete, H, A}) ->
    case gen_event:delete_handler(M, H, A) of
        {error, module_not_found} -> not_found;
        {'EXIT', _} -> crash;
        Left -> Left
    end;
act(M, {swap, H1, A1, H2, A2}) -> swapped(gen_event:swap_handler(M, {H1, A1}, {H2, A2}));
act(M, {swap_sup, Owner, H1, A1, H2, A2}) ->
    swapped(as(Owner, fun() -> gen_event:swap_sup_handler(M, {H1, A1}, {H2, A2}) end));
act(_, {exit, Owner, Reason}) ->
    Pid = owner(Owner),
    Ref = monitor(process, Pid),
    Pid ! {stop, Reason},
    receive {'DOWN', Ref, _, _, _} -> erase(Owner), timer:sleep(2), ok end;
act(M, {stop, Reason}) -> gen_event:stop(M, Reason, infinity), timer:sleep(2), ok.

added(ok) -> ok;
added({error, N}) -> {error, N};
added(Why) -> failure(Why).

swapped(ok) -> ok;
swapped({error, Why}) -> added(Why).

failure({'EXIT', _}) -> crash;
failure(Value) -> {bad, Value}.

%% -- owners: each does what it is told, and keeps what it hears

as(Owner, Fun) ->
    owner(Owner) ! {do, self(), Fun},
    receive {done, Answer} -> Answer end.

owner(Name) ->
    case get(Name) of
        undefined -> Pid = spawn(fun() -> owned([]) end), put(Name, Pid), put(Pid, Name), Pid;
        Pid -> Pid
    end.

owned(Heard) ->
    receive
        {do, From, Fun} -> From ! {done, Fun()}, owned(Heard);
        {stop, Reason} -> exit(Reason);
        {hear, From} -> From ! {heard, lists:reverse(Heard)}, owned([]);
        {gen_event_EXIT, Handler, Reason} -> owned([{Handler, Reason} | Heard])
    end.

heard(Owner) ->
    case get(Owner) of
        undefined -> "null";
        Pid ->
            case is_process_alive(Pid) of
                false -> "null";
                true ->
                    Pid ! {hear, self()},
                    receive {heard, Heard} -> list([form({H, told(R)}) || {H, R} <- Heard]) end
            end
    end.

told(normal) -> normal;
told(shutdown) -> shutdown;
told(crash) -> crash;
told({swapped, H, false}) -> {swapped, H, none};
told({swapped, H, Pid}) when is_pid(Pid) -> {swapped, H, name(Pid)};
told(Why) -> failure(Why).

name(Pid) -> case get(Pid) of undefined -> none; Name -> Name end.

%% -- looking

look(Manager, Log, Answer) ->
    Handlers = try [{M, Id, S} || {M, Id, S} <- sys:get_state(Manager, infinity)] catch exit:_ -> ended end,
    Entries = [E || {_, E} <- ets:tab2list(Log)],
    ets:delete_all_objects(Log),
    Shown = case Handlers of ended -> "\"ended\""; _ -> list([form(H) || H <- Handlers]) end,
    ["{\"log\":", list(Entries), ",\"answer\":", form(Answer), ",\"handlers\":", Shown,
     ",\"p1\":", heard(p1), ",\"p2\":", heard(p2), "}"].

list(Forms) -> ["[", lists:join(",", Forms), "]"].

form(Number) when is_integer(Number) -> integer_to_list(Number);
form(false) -> "null";
form({'EXIT', Pid, Reason}) when is_pid(Pid) -> form({'EXIT', Reason});
form({'EXIT', Reason}) when is_atom(Reason) -> form({exit, Reason});
form({'EXIT', _}) -> "\"crash\"";
form(Atom) when is_atom(Atom) -> io_lib:format("\"~w\"", [Atom]);
form(Tuple) when is_tuple(Tuple) -> list([form(Part) || Part <- tuple_to_list(Tuple)]).

%% -- the handlers

callback(Module, Callback, Content, State) ->
    [{_, Log, Script, Number}] = ets:lookup(worlds, self()),
    ets:insert(Log, {Number, form({Module, Callback, content(Callback, Content), State})}),
    {Entry, Rest} = case Script of [] -> {default, []}; [First | More] -> {First, More} end,
    ets:insert(worlds, {self(), Log, Rest, Number + 1}),
    do(Callback, Entry, Content, State).

content(terminate, {error, Why}) -> {error, failure(Why)};
content(_, Content) -> Content.

do(init, default, _, _) -> {ok, 0};
do(terminate, default, _, _) -> 0;
do(handle_call, default, _, State) -> {ok, {r, State}, State};
do(_, default, _, State) -> {ok, State};
do(_, {crash, N}, _, _) -> error({boom, N});
do(_, {exit, N}, _, _) -> exit({bye, N});
do(_, {junk, N}, _, _) -> {junk, N};
do(_, {error, N}, _, _) -> {error, N};
do(terminate, Entry, _, _) -> element(2, Entry);
do(init, {ok, N}, _, _) -> {ok, N};
do(init, {hibernate, N}, Arg, _) when is_tuple(Arg) -> {ok, N};
do(init, {hibernate, N}, _, _) -> {ok, N, hibernate};
do(init, Entry, _, _) -> {junk, element(2, Entry)};
do(handle_call, {ok, N}, _, _) -> {ok, {r, N}, N};
do(handle_call, {hibernate, N}, _, _) -> {ok, {r, N}, N, hibernate};
do(handle_call, {remove, N}, _, _) -> {remove_handler, {r, N}};
do(handle_call, {swap, N, H}, _, _) -> {swap_handler, {r, N}, N, N, H, N};
do(_, {ok, N}, _, _) -> {ok, N};
do(_, {hibernate, N}, _, _) -> {ok, N, hibernate};
do(_, {remove, _}, _, _) -> remove_handler;
do(_, {swap, N, H}, _, _) -> {swap_handler, N, N, H, N}.
