%% Plays one scenario, a term in a file, and writes to another what was seen, a line of JSON for each callback and each
%% step. A step that ends the node is the last, and has no line.
-module(play).
-export([main/1, log/1]).

main([In, Out]) ->
    {ok, [{Names, Scripts, Actions}]} = file:consult(In),
    persistent_term:put(out, Out),
    [application:set_env(script, Name, Script) || {Name, Script} <- Scripts],
    [step(Names, Action) || Action <- Actions],
    halt(0).

log(Term) -> file:write_file(persistent_term:get(out), ["[\"log\",", json(Term), "]\n"], [append]).

step(Names, Action) ->
    Answer = act(Names, Action),
    timer:sleep(40),
    Running = [Name || {Name, _, _} <- application:which_applications(), lists:member(Name, Names)],
    Loaded = lists:sort([Name || {Name, _, _} <- application:loaded_applications(), lists:member(Name, Names)]),
    Env = [[Name, lists:sort(application:get_all_env(Name))] || Name <- Names],
    Line = ["[\"step\",", json([Answer, Running, Loaded, Env]), "]\n"],
    file:write_file(persistent_term:get(out), Line, [append]).

act(_, {load, Name}) -> answer(application:load(Name));
act(_, {unload, Name}) -> answer(application:unload(Name));
act(_, {start, Name, Type}) -> answer(application:start(Name, Type));
act(_, {ensure, Name, Type}) -> answer(application:ensure_all_started(Name, Type));
act(_, {stop, Name}) -> answer(application:stop(Name));
act(_, {'end', Name, kill}) -> reach(Name, fun(Pid) -> exit(Pid, kill) end);
act(_, {'end', Name, Reason}) -> reach(Name, fun(Pid) -> Pid ! {'end', Reason} end);
act(_, {set_env, Name, Key, Value, Persistent}) ->
    answer(application:set_env(Name, Key, Value, [{persistent, Persistent}]));
act(_, {unset_env, Name, Key}) -> answer(application:unset_env(Name, Key));
act(Names, {configure, Config}) ->
    Before = application_controller:prep_config_change(),
    Specs = [Spec || Name <- Names, {ok, [Spec]} <- [file:consult(atom_to_list(Name) ++ ".app")]],
    ok = application_controller:change_application_data(Specs, Config),
    answer(application_controller:config_change(Before));
act(_, stop_node) -> init:stop(), timer:sleep(infinity).

reach(Name, Do) ->
    case whereis(Name) of
        undefined -> none;
        Pid ->
            Ref = monitor(process, application_controller:get_master(Name)),
            Do(Pid),
            receive {'DOWN', Ref, process, _, _} -> ok end
    end.

answer(ok) -> ok;
answer({ok, Names}) -> [ok, Names];
answer({error, {Name, Reason}}) when is_atom(Name), is_tuple(Reason) ->
    case failure({Name, Reason}) of
        other -> [Name, failure(Reason)];
        Failure -> Failure
    end;
answer({error, Reason}) -> failure(Reason).

failure({Word, Name}) when is_atom(Name) -> [Word, Name];
failure({"no such file or directory", _}) -> no_file;
failure({{'EXIT', normal}, {_, start, _}}) -> exit_normal;
failure({bad_return, {{_, start, _}, {'EXIT', _}}}) -> crash;
failure({bad_return, {{_, start, _}, Value}}) -> Value;
failure({Reason, {_, start, _}}) -> Reason;
failure(_) -> other.

json(Term) when is_atom(Term), Term =:= true orelse Term =:= false -> atom_to_list(Term);
json(Term) when is_atom(Term) -> ["\"", atom_to_list(Term), "\""];
json(Term) when is_integer(Term) -> integer_to_list(Term);
json(Term) when is_tuple(Term) -> json(tuple_to_list(Term));
json(Term) when is_list(Term) -> ["[", lists:join(",", [json(Each) || Each <- Term]), "]"].
