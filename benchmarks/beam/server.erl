%% The gen_server of every measure. Its state is what it needs for its part: a count, a next pid, a tuple.
-module(server).
-behaviour(gen_server).
-export([start/1, start_link/1, start_link/2, init/1, handle_call/3, handle_cast/2, handle_info/2]).

start(Arg) -> gen_server:start(?MODULE, Arg, []).
start_link(Arg) -> gen_server:start_link(?MODULE, Arg, []).
start_link(Name, Arg) -> gen_server:start_link({local, Name}, ?MODULE, Arg, []).

init({announce, Watcher} = State) -> Watcher ! up, {ok, State};
init(State) -> {ok, State}.

%% A caller: calls Target as often as it is told to, and says how many microseconds that took.
handle_call({calls, Target, Count}, _From, State) ->
    {Time, ok} = timer:tc(fun() -> calls(Target, Count) end),
    {reply, Time, State};
%% A link of the chain: asks the next.
handle_call(ask, _From, {chain, Next} = State) -> {reply, gen_server:call(Next, ask, 5000), State};
handle_call(ask, _From, State) -> {reply, State, State};
handle_call(_Request, _From, State) -> {reply, ok, State}.

handle_cast(crash, _State) -> error(crash);
handle_cast({burn, Loops} = Burn, State) ->
    burn(Loops),
    gen_server:cast(self(), Burn),
    {noreply, State};
handle_cast(_Message, State) -> {noreply, State + 1}.

%% A member of the ring.
handle_info({next, Next}, _State) -> {noreply, Next};
handle_info({token, 0, Boss}, State) -> Boss ! done, {noreply, State};
handle_info({token, Hops, Boss}, Next) -> Next ! {token, Hops - 1, Boss}, {noreply, Next};
%% A sender of the fan-in, and its collector.
handle_info({send, Collector, Count}, State) ->
    [Collector ! item || _ <- lists:seq(1, Count)],
    {noreply, State};
handle_info(item, {collect, 999, Boss}) -> Boss ! done, {noreply, {collect, 0, Boss}};
handle_info(item, {collect, Got, Boss}) -> {noreply, {collect, Got + 1, Boss}};
handle_info(_Message, State) -> {noreply, State}.

calls(_Target, 0) -> ok;
calls(Target, Count) -> gen_server:call(Target, ask, 5000), calls(Target, Count - 1).

burn(0) -> ok;
burn(Loops) -> burn(Loops - 1).
