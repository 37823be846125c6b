%% A handler; see scripted_events.
-module(h1).
-behaviour(gen_event).
-export([init/1, handle_event/2, handle_call/2, handle_info/2, terminate/2]).

init(Arg) -> scripted_events:callback(?MODULE, init, Arg, false).
handle_event(Event, State) -> scripted_events:callback(?MODULE, handle_event, Event, State).
handle_call(Request, State) -> scripted_events:callback(?MODULE, handle_call, Request, State).
handle_info(Message, State) -> scripted_events:callback(?MODULE, handle_info, info(Message), State).
terminate(Arg, State) -> scripted_events:callback(?MODULE, terminate, Arg, State).

info({'EXIT', _, Reason}) -> {exit, Reason};
info(Message) -> Message.
