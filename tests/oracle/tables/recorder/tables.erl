%% An ETS table that is asked what a scenario says.
%%
%% main([Path]): the file has a scenario a term, {Kind, KeyPos, Actions}. Printed is, for each, a JSON line: what each
%% action returned, and which rows there were afterwards.
-module(tables).
-export([main/1]).

main([Path]) ->
    {ok, Scenarios} = file:consult(Path),
    [io:format("~ts~n", [play(S)]) || S <- Scenarios],
    halt(0).

play({Kind, KeyPos, Actions}) ->
    Table = ets:new(table, [Kind, {keypos, KeyPos}]),
    Steps = [step(Table, Kind, KeyPos, Action) || Action <- Actions],
    ets:delete(Table),
    ["[", lists:join(",", Steps), "]"].

step(Table, Kind, KeyPos, Action) ->
    Result = try do(Table, Kind, Action) catch error:badarg -> badarg end,
    Keys = lists:usort([element(KeyPos, Row) || Row <- ets:tab2list(Table)]),
    Rows = lists:flatmap(fun(Key) -> ets:lookup(Table, Key) end, Keys), % tab2list has no order, not even of one key
    ["{\"result\":", json(Result), ",\"rows\":", json({list, Rows}), "}"].

do(T, _, {insert, Rows}) -> ets:insert(T, Rows), ok;
do(T, _, {insert_new, Rows}) -> ets:insert_new(T, Rows);
do(T, _, {delete, Key}) -> ets:delete(T, Key), ok;
do(T, _, {take, Key}) -> {list, ets:take(T, Key)};
do(T, _, {delete_object, Row}) -> ets:delete_object(T, Row), ok;
do(T, _, {delete_all}) -> ets:delete_all_objects(T), ok;
do(T, _, {lookup, Key}) -> {list, ets:lookup(T, Key)};
do(T, Kind, {lookup_element, Key, Pos}) ->
    case ets:lookup_element(T, Key, Pos) of
        List when Kind =:= bag; Kind =:= duplicate_bag -> {list, List};
        Value -> Value
    end;
do(T, _, {member, Key}) -> ets:member(T, Key);
do(T, _, {update_counter, Key, Pos, Incr}) -> ets:update_counter(T, Key, {Pos, Incr});
do(T, _, {update_counter, Key, Pos, Incr, Default}) -> ets:update_counter(T, Key, {Pos, Incr}, Default);
do(T, _, {update_element, Key, Changes}) -> ets:update_element(T, Key, Changes);
do(T, Kind, {match, Pattern}) -> ordered(Kind, [{list, Found} || Found <- ets:match(T, Pattern)]);
do(T, Kind, {match_object, Pattern}) -> ordered(Kind, ets:match_object(T, Pattern));
do(T, Kind, {select, Pattern, Least}) -> ordered(Kind, ets:select(T, [{Pattern, [{is_integer, '$1'}, {'>=', '$1', Least}], ['$_']}]));
do(T, _, {match_delete, Pattern}) -> ets:match_delete(T, Pattern), ok;
do(T, _, {select_delete, Pattern, Least}) -> ets:select_delete(T, [{Pattern, [{is_integer, '$1'}, {'>=', '$1', Least}], [true]}]);
do(T, _, {size}) -> ets:info(T, size);
do(T, _, {first}) -> ets:first(T);
do(T, _, {last}) -> ets:last(T);
do(T, _, {next, Key}) -> ets:next(T, Key);
do(T, _, {previous, Key}) -> ets:prev(T, Key).

ordered(ordered_set, Found) -> {list, Found};
ordered(_, Found) -> {list, lists:sort(Found)}.

json('$end_of_table') -> "null";
json(badarg) -> "\"badarg\"";
json(ok) -> "\"ok\"";
json({list, List}) -> ["[", lists:join(",", [json(X) || X <- List]), "]"];
json(Tuple) when is_tuple(Tuple) -> ["[", lists:join(",", [json(X) || X <- tuple_to_list(Tuple)]), "]"];
json(Term) -> io_lib:format("~w", [Term]).
