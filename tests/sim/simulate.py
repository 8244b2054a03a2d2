"""Drive one schedule: faulty runs of the production walk, then quiet ones, then the checker."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from pipelines.delivery import deliver
from pipelines.delivery.pace import LocalPace, Pace
from pipelines.errors import LeaseHeld, LeaseLost, StateError, WarehouseError
from pipelines.planning.draft import Subject
from pipelines.reconcile import Reading
from pipelines.run import Ports, Result
from pipelines.sync import Step, Task, walk
from tests.sim.channels import LATENESS, LONGEST_JOB
from tests.sim.checker import check_end, check_gone, check_result, check_window
from tests.sim.ports import SENDING, Actor, Crash, JournalFull, SimClock, SimJournal, SimTransport, open_warehouse
from tests.sim.scenario import FAULTS, Scenario
from tests.sim.world import MERGED, SPARED, Engine, Violation, World

HOUR = 3_600.0
SYNC = "cart__sim"
QUIET_RUNS = 14
"""A row that is always refused rests after five tries, and each takes two runs where a job tells of it later."""
TAKEOVER = {True: (), False: (1_200.0, 3_000.0)}
"""How long a process may be silent when another one comes, by whether it is about to send."""
MERGES = 0.3
"""Of schedules in which keys merge: between how many runs some do."""
WINDOW = 4
"""Operations a window: small, so that a plan has several."""


@dataclass
class Running:
    """A run that may be left standing between two steps."""

    number: int
    actor: Actor
    steps: Iterator[Step]
    result: Result | None = None


@dataclass
class Schedule:
    """One schedule under way."""

    scenario: Scenario
    world: World
    crash_at: int | None = None
    """Die at this point of the first faulty run."""
    journals: dict[str, SimJournal] = field(default_factory=dict)
    pace: Pace = field(default_factory=LocalPace)
    crashes: int = 0
    points: int = 0
    runs: int = 0

    def __post_init__(self) -> None:
        self._random = self.scenario.stream("schedule")
        self._moments, self._stores = self.scenario.stream("moments"), self.scenario.stream("stores")
        self._hands, self._kin = self.scenario.stream("hands"), self.scenario.stream("kin")
        self._host = "a"
        self._second: Running | None = None

    def play(self) -> None:
        """All of it. Raises Violation."""
        for _ in range(self.scenario.runs):
            self._between()
            self.run(self._skew())
            self.world.mend_table()
        self.settle()

    def settle(self) -> None:
        """Faults off: what is left must converge, and then nothing more is sent."""
        world = self.world
        if self._second:
            self._go_on(self._second, 99)
        world.faulty = world.channel.faulty = False
        world.say("quiet")
        gaps = [1_100.0] if self._random.random() < 0.7 else []
        gaps += [LATENESS + LONGEST_JOB + 25 * HOUR] * QUIET_RUNS
        for number, gap in enumerate(gaps):
            world.advance(world.now + gap)
            if number < 2 and world.edited:
                self.reconcile(0.0)
            before = world.channel.requests
            result = self.run(0.0)
            if result and result.status == "held":
                world.approve()
                continue
            if result is None or result.status not in ("ok", "nothing"):
                raise Violation(f"quiet: a run without faults ended with {result and result.reason}")
            check_window(world)
            if number or not world.edited:
                check_gone(world)
            if number and world.channel.requests == before and result.status == "nothing":
                break
        else:
            raise Violation(f"restless: run {QUIET_RUNS} without faults still sent something")
        check_end(world, self.journals[self._host])

    def move(self, host: str) -> None:
        """The next runs are on this host."""
        self._host = host

    def run(self, skew: float) -> Result | None:
        """One run on the host of now; None when it did not get to its end."""
        if self._second and self._second.actor.host == self._host:
            self._go_on(self._second, 99)
        running = self._start(self._host, skew)
        running.actor.meet = self._meet
        self._go_on(running, 99)
        return running.result

    def reconcile(self, skew: float) -> None:
        """Read the channel back on the host of now, and mark what differs; the next run mends it."""
        if self._second and self._second.actor.host == self._host:
            self._go_on(self._second, 99)
        world = self.world
        actor = Actor(world, self._host, skew, self._moments, self._stores)
        self.runs += 1
        try:
            subject = Subject(world.audience, world.sync, world.destination, ())
            found = Reading(subject, self._ports(actor)).compare(mark=True)
            world.note("reconcile", "failed" if found.failed else "differs" if found.differs else "same",
                       found.note)
        except Crash:
            self.crashes += 1
            world.note("reconcile", "crashed")
        except (WarehouseError, StateError, JournalFull) as error:
            world.note("reconcile", "failed", str(error))
        finally:
            actor.dead = True
            self.points += actor.points

    def _start(self, host: str, skew: float) -> Running:
        world = self.world
        actor = Actor(world, host, skew, self._moments, self._stores, self.crash_at)
        self.crash_at = None
        self.runs += 1
        world.say("run", f"{self.runs} on host {host}, clock {skew:+.0f} s")
        steps = walk(world.audience, [Task(SYNC, world.sync, world.destination)], SPARED, self._ports(actor),
                     world.at(skew))
        return Running(self.runs, actor, steps)

    def _go_on(self, running: Running, steps: int) -> None:
        """Some more steps of a run, or all that are left."""
        for _ in range(steps):
            try:
                step = next(running.steps, None)
                if step is None:
                    return self._end(running, "")
                if isinstance(step, Result):
                    running.result = step
                    check_result(step)
                running.actor.point(f"yield {type(step).__name__}")
            except Crash:
                self.crashes += 1
                return self._end(running, "crashed")
            except (WarehouseError, StateError, JournalFull) as error:
                if isinstance(error, LeaseHeld | LeaseLost):
                    self.world.note("lease", "held" if isinstance(error, LeaseHeld) else "lost")
                return self._end(running, str(error))
        return None

    def _end(self, running: Running, why: str) -> None:
        running.actor.dead = True
        running.steps.close()
        self.points += running.actor.points
        result = running.result
        self.world.say("ended", f"run {running.number}: " + (f"{result.status} {result.reason}" if result else why))
        if self._second is running:
            self._second = None

    def _meet(self, actor: Actor, where: str) -> None:
        """While this process waits, a second scheduler comes to the same sync on another host."""
        if self._second is None:
            self.world.note("second_run", where)
            self.world.advance(self.world.now + self._random.choice((0.0, 0.0, 30.0, *TAKEOVER[where in SENDING])))
            self._second = self._start("b" if actor.host == "a" else "a", self._skew())
        self._go_on(self._second, self._random.choice((1, 2, 3, 99)))

    def _between(self) -> None:
        random, world, rates = self._random, self.world, self.scenario.rates
        if self._second and (fate := random.choice(("sleeps", "goes on", "dies"))) != "sleeps":
            world.note("second_run", fate)
            self._go_on(self._second, 99) if fate == "goes on" else self._end(self._second, "killed")
        draws = {name: random.random() for name in FAULTS}
        gap = random.choice((20.0, 300.0, 1_200.0, HOUR, HOUR, 5 * HOUR)) * random.uniform(0.5, 1.5)
        if draws["outage"] < rates["outage"]:
            world.note("outage", "between")
            gap = random.uniform(20, 60) * HOUR
        world.advance(world.now + gap)
        quiet = self.scenario.guarded
        world.change(random.choice((0, 1) if quiet else (0, 1, 2, 3)) + 5 * (draws["burst"] < rates["burst"]))
        if self.scenario.kin and self._kin.random() < MERGES:
            last = None
            for _ in range(self._kin.choice((1, 1, 2, 3))):
                last = world.merge(self._kin, last if self._kin.random() < 0.5 else None)
        if draws["broken"] < rates["broken"] and world.truth:
            world.break_table()
        always_guarded = world.scenario.kind == "replace" and not world.scenario.guarded
        if world.truth and draws["suppress"] < (0.5 if always_guarded else 0.005 * world.scenario.guarded):
            world.approve()
        if world.keeps_members:
            self._meddle()
        if draws["mapping"] < rates["mapping"]:
            world.note("mapping", "between")
            world.mapping += 1
        if draws["journal_lost"] < rates["journal_lost"] and (journal := self.journals.pop(self._host, None)):
            world.note("journal_lost", "with claims" if journal.open_claims() else
                       "with results" if journal.results() else "empty")
            journal.lose()
        if draws["other_host"] < rates["other_host"]:
            world.note("other_host", "between")
            self._host = "b" if self._host == "a" else "a"

    def _meddle(self) -> None:
        """Somebody changes the channel's list by hand, or has it compared."""
        drift, compared = self._hands.random(), self._hands.random()
        if drift < self.scenario.rates["drift"]:
            self.world.edit_by_hand(self._hands)
        if compared < self.scenario.rates["reconcile"]:
            self.reconcile(0.0)

    def _skew(self) -> float:
        drawn = self._random.random(), self._random.uniform(-20, 20)
        return drawn[1] if drawn[0] < self.scenario.rates["skew"] else 0.0

    def _ports(self, actor: Actor) -> Ports:
        return Ports(lambda: open_warehouse(actor), SimClock(actor), self.pace,
                     lambda: SimTransport(actor, self._journal(actor)),
                     lambda _: self._journal(actor), lambda _: self._journal(actor), f"run{self.runs}", alone=True,
                     aliases=MERGED if self.scenario.kin else None)

    def _journal(self, actor: Actor) -> SimJournal:
        if actor.host not in self.journals:
            self.journals[actor.host] = SimJournal(f"journal {actor.host} {self.runs}")
        self.journals[actor.host].actor = actor
        return self.journals[actor.host]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a schedule ended."""

    schedule: Schedule
    violation: str
    """Empty when nothing went wrong."""


def simulate(
    scenario: Scenario, engine: Callable[[], Engine] | None = None, rewrite: Callable[[str], str] = str,
    crash_at: int | None = None,
) -> Outcome:
    """Play one schedule to its end."""
    world = World(scenario, rewrite=rewrite, **({"engine": engine()} if engine else {}))
    schedule = Schedule(scenario, world, crash_at)
    usual, deliver.WINDOW = deliver.WINDOW, WINDOW
    try:
        schedule.play()
        return Outcome(schedule, "")
    except Violation as violation:
        return Outcome(schedule, str(violation))
    finally:
        deliver.WINDOW = usual
        world.engine.close()
        for journal in schedule.journals.values():
            journal.lose()
