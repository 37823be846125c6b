%% A gen_statem that does what a script says and writes down what it was asked.
%%
%% main([Path]): the file has a scenario a term, {Mode, Enter, {State, Data, Actions}, Script, Steps}. Printed is, for
%% each, a JSON line: what was seen after the start and after each step. All are played at the same time.
-module(scripted).
-behaviour(gen_statem).
-export([main/1, init/1, callback_mode/0, handle_event/4, terminate/3, a/3, b/3, c/3]).

main([Path]) ->
    logger:set_primary_config(level, none),
    {ok, Scenarios} = file:consult(Path),
    Main = self(),
    Players = [spawn(fun() -> Main ! {self(), play(S)} end) || S <- Scenarios],
    [receive {Player, Line} -> io:format("~ts~n", [Line]) end || Player <- Players],
    halt(0).

play({Mode, Enter, First, Script, Steps}) ->
    process_flag(trap_exit, true),
    Log = ets:new(log, [ordered_set, public]),
    Callbacks = case Enter of true -> [Mode, state_enter]; false -> Mode end,
    {ok, Pid} = gen_statem:start_link(?MODULE, {Log, Callbacks, First, Script}, []),
    {Seen, _} = lists:mapfoldl(fun(Step, Calls) ->
        More = step(Pid, Step),
        idle(Pid),
        {Look, Left} = look(Pid, Log, Calls ++ More),
        {Look, Left}
    end, [], [start | Steps]),
    unlink(Pid), exit(Pid, kill),
    ["[", lists:join(",", Seen), "]"].

step(_, start) -> [];
step(_, {sleep, Ms}) -> timer:sleep(Ms), [];
step(Pid, {cast, Id}) -> gen_statem:cast(Pid, Id), [];
step(Pid, {info, Id}) -> Pid ! Id, [];
step(Pid, {call, Id}) -> [{Id, gen_statem:send_request(Pid, Id)}].

idle(Pid) -> try sys:get_state(Pid) catch _:_ -> ok end.

look(Pid, Log, Calls) ->
    Entries = [E || {_, E} <- ets:tab2list(Log)],
    ets:delete_all_objects(Log),
    {Machine, Left} = machine(Pid),
    {Replies, Waiting} = replies(Calls, [], []),
    {["{\"log\":[", lists:join(",", Entries), "],\"machine\":", Machine, ",\"replies\":[", lists:join(",", Replies), "]}"],
     Waiting ++ Left}.

machine(Pid) ->
    case get(ended) of
        undefined ->
            receive {'EXIT', Pid, Reason} ->
                Text = io_lib:format("[\"ended\",\"~s\"]", [reason(Reason)]),
                put(ended, Text), {Text, []}
            after 0 ->
                {State, {_, Data}} = sys:get_state(Pid),
                {io_lib:format("[\"is\",\"~w\",~w]", [State, Data]), []}
            end;
        Text -> {Text, []}
    end.

replies([], Found, Waiting) -> {lists:reverse(Found), lists:reverse(Waiting)};
replies([{Id, Request} = Call | Rest], Found, Waiting) ->
    case gen_statem:wait_response(Request, 0) of
        {reply, V} -> replies(Rest, [io_lib:format("[~w,~w]", [Id, V]) | Found], Waiting);
        {error, _} -> replies(Rest, [io_lib:format("[~w,\"ended\"]", [Id]) | Found], Waiting);
        timeout -> replies(Rest, Found, [Call | Waiting])
    end.

%% -- the machine

callback_mode() -> get(mode).

init({Log, Callbacks, {State, Data, Actions}, Script}) ->
    put(mode, Callbacks), put(script, Script), put(number, 0),
    {ok, State, {Log, Data}, Actions}.

a(Kind, Content, Data) -> handle_event(Kind, Content, a, Data).
b(Kind, Content, Data) -> handle_event(Kind, Content, b, Data).
c(Kind, Content, Data) -> handle_event(Kind, Content, c, Data).

handle_event(Kind, Content, State, {Log, Data}) ->
    note(Log, kind(Kind), Content, State, Data),
    case get(script) of
        [] -> keep_state_and_data;
        [Result | Rest] -> put(script, Rest), result(Result, Log, Kind)
    end.

terminate(Reason, State, {Log, Data}) ->
    note(Log, "\"terminate\"", list_to_atom(lists:flatten(reason(Reason))), State, Data).

result({next_state, State, Data, Actions}, Log, Kind) -> {next_state, State, {Log, Data}, actions(Actions, Kind)};
result({keep_state, Data, Actions}, Log, Kind) -> {keep_state, {Log, Data}, actions(Actions, Kind)};
result({keep_state_and_data, Actions}, _, Kind) -> {keep_state_and_data, actions(Actions, Kind)};
result({repeat_state, Data, Actions}, Log, Kind) -> {repeat_state, {Log, Data}, actions(Actions, Kind)};
result({repeat_state_and_data, Actions}, _, Kind) -> {repeat_state_and_data, actions(Actions, Kind)};
result({stop, Reason, Data}, Log, _) -> {stop, Reason, {Log, Data}};
result({stop_and_reply, Reason, Value, Data}, Log, {call, From}) ->
    {stop_and_reply, Reason, {reply, From, Value}, {Log, Data}};
result({stop_and_reply, Reason, _, Data}, Log, _) -> {stop, Reason, {Log, Data}}.

%% `reply` and `same` are about the event that is handled.
actions(Actions, Kind) -> lists:flatmap(fun(Action) -> action(Action, Kind) end, Actions).

action({reply, Value}, {call, From}) -> [{reply, From, Value}];
action({reply, _}, _) -> [];
action({next_event, same, Content}, {call, _} = Kind) -> [{next_event, Kind, Content}];
action({next_event, same, Content}, _) -> [{next_event, internal, Content}];
action(Action, _) -> [Action].

%% -- writing

note(Log, Kind, Content, State, Data) ->
    Number = put(number, get(number) + 1),
    Text = case is_atom(Content) of true -> "\"~w\""; false -> "~w" end,
    ets:insert(Log, {Number, io_lib:format("[~s," ++ Text ++ ",\"~w\",~w]", [Kind, Content, State, Data])}).

kind({call, _}) -> "\"call\"";
kind({timeout, Name}) -> io_lib:format("[\"timeout\",\"~w\"]", [Name]);
kind(Kind) -> io_lib:format("\"~w\"", [Kind]).

reason({bad_return_from_state_function, _}) -> "bad";
reason({bad_state_enter_return_from_state_function, _}) -> "bad";
reason({bad_action_from_state_function, _}) -> "bad";
reason({bad_state_enter_action_from_state_function, _}) -> "bad";
reason({Reason, Stack}) when is_list(Stack) -> reason(Reason);
reason(Reason) -> io_lib:format("~w", [Reason]).
