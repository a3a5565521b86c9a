"""The TOML form of scenarios: what is read, and the one line that each mistake gets."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import tomli_w
from hypothesis import given
from hypothesis import strategies as st

from cowpath.model.scenarios import Request, Scenario, ScenarioError, loads
from cowpath.model.scenarios.sizes import SECTOR
from cowpath.model.scenarios.vocabulary import IO_KINDS, KINDS, NBD_WRITES, OPTIONS
from cowpath.model.scenarios.writing import document
from tests.scenarios.texts import HEAD, READ, one_line, top


def one(lines: str) -> str:
    return f"{HEAD}[[request]]\n{lines}\n"


def read(lines: str) -> str:
    return one(f'kind = "guest-read"\nat = [0, 1]\n{lines}')


def also(tables: str) -> str:
    return f"{HEAD}{READ}{tables}\n"


def error_of(text: str, designs: set[str] | None = None) -> str:
    with pytest.raises(ScenarioError) as caught:
        loads(text, "bad", designs)
    return one_line(caught.value)


# -- what is read


def test_the_blueprint_example_is_read() -> None:
    scenario = loads(
        """
        name = "unaligned write meets a guest read"
        shows = '''
        A small write
          meets a read.'''
        unit = "sectors"
        sectors = 4
        cluster = 4
        [secondary]
        request_alignment = 2
        protocol_alignment = 1
        copy_on_read = true
        [options]
        quiesced_checkpoint = false
        drain_on_stop = false
        on_cbw_error = "break-guest-write"
        [[request]]
        kind = "nbd-write"
        at = [0, 1]
        count = 2
        stream = false
        fault = "data-write"
        [[request]]
        kind = "checkpoint"
        [expect]
        "rfc-2016" = { deadlock = "violated", snapshot = "holds", states = 1234 }
        """,
        "unaligned",
    )
    assert scenario == Scenario(
        name="unaligned write meets a guest read",
        shows="A small write meets a read.",
        size=2048,
        cluster=2048,
        request_alignment=1024,
        protocol_alignment=512,
        copy_on_read=True,
        options={"quiesced_checkpoint": False, "drain_on_stop": False},
        requests=(
            Request("nbd-write", 0, 512, False, "data-write", "nbd-write 0", 0),
            Request("nbd-write", 0, 512, False, "data-write", "nbd-write 1", 0),
            Request("checkpoint", None, None, False, "none", "checkpoint 2", 1),
        ),
        expect={"rfc-2016": {"deadlock": "violated", "snapshot": "holds", "states": 1234}},
        in_bytes=False,
        slug="unaligned",
    )
    assert isinstance(hash(scenario), int)


def test_defaults() -> None:
    scenario = loads(top(READ), "small")
    assert (scenario.request_alignment, scenario.protocol_alignment) == (512, 512)
    assert (scenario.shows, scenario.copy_on_read, scenario.options) == ("", False, {})
    assert [name for name in OPTIONS if scenario.option(name)] == ["quiesced_checkpoint", "drain_on_stop"]
    assert (scenario.expect, scenario.in_bytes) == ({}, False)
    assert scenario.requests == (Request("guest-read", 0, 512, False, "none", "guest-read 0", 0),)


@pytest.mark.parametrize(
    "text",
    [
        one('kind = "guest-read"\nat = [0, "512B"]'),
        top('[secondary]\nprotocol_alignment = "1B"\n' + READ),
        'name = "n"\nunit = "sectors"\nsectors = "1TiB"\ncluster = 128\n' + READ,
        'name = "n"\nsectors = 4\ncluster = "1KiB"\n[[request]]\nkind = "stop"\n',
    ],
)
def test_bytes_anywhere_mean_bytes(text: str) -> None:
    assert loads(text, "units").in_bytes


def test_sectors_may_be_said_of_the_file_or_of_each_size() -> None:
    each = 'name = "small"\nsectors = 4\ncluster = "2 sectors"\n'
    each += '[[request]]\nkind = "guest-read"\nat = ["0 sectors", "1 sector"]\n'
    assert loads(each, "small") == loads(top(READ), "small")


BARE = [
    ("cluster = 2", READ.replace("[0, 1]", '["0B", "1B"]'), "cluster: 2 has no unit"),
    ('cluster = "1k"', READ, "request[0].at[0]: 0 has no unit"),
    ('cluster = "1k"', READ.replace("[0,", '["0B",'), "request[0].at[1]: 1 has no unit"),
    ('cluster = "1k"', "[secondary]\nrequest_alignment = 4096", "secondary.request_alignment: 4096 has no"),
    ('cluster = "1k"', "[secondary]\nprotocol_alignment = 1", "secondary.protocol_alignment: 1 has no unit"),
]


@pytest.mark.parametrize(("cluster", "rest", "start"), BARE, ids=[start for _, _, start in BARE])
def test_a_number_without_a_unit_is_refused_with_what_to_write(cluster: str, rest: str, start: str) -> None:
    line = error_of(f'name = "n"\nsectors = 4\n{cluster}\n{rest}')
    assert line.startswith(f"bad: {start}")
    assert 'sectors" (of 512 bytes), or unit = "sectors" at the top of the file' in line


def test_an_extent_may_cut_sectors() -> None:
    (request,) = loads(one('kind = "nbd-write"\nat = ["100B", "7B"]'), "cut").requests
    assert (request.offset, request.length) == (100, 7)


def test_sixteen_requests_are_accepted() -> None:
    requests = loads(one('kind = "guest-read"\nat = [0, 4]\ncount = 16'), "many").requests
    assert [request.label for request in requests] == [f"guest-read {i}" for i in range(16)]


# -- what is refused

MISTAKES: list[tuple[str, str, str]] = [
    # text, the start of the line after the file's name, something else it says
    ("sectors = 4\ncluster = 2\n" + READ, "name: missing", "accepted: a text"),
    (top("unit = 1\n" + READ).replace('unit = "sectors"\n', ""), "unit: 1 is unknown", "accepted: sectors"),
    ('name = " "\nsectors = 4\ncluster = 2\n' + READ, "name: ' ' is not a name", "accepted: a text"),
    ('name = "a\\nb"\nsectors = 4\ncluster = 2\n' + READ, "name: 'a\\nb' is not a name", "one line"),
    ("name = 3\nsectors = 4\ncluster = 2\n" + READ, "name: 3 is not a text", "accepted: a string"),
    (top("shows = 1\n" + READ), "shows: 1 is not a text", "accepted: a string"),
    ('name = "n"\ncluster = 2\n' + READ, "sectors: missing", "accepted: a size"),
    ('name = "n"\nsectors = 4\n' + READ, "cluster: missing", "accepted: a size"),
    ('name = "n"\nsectors = 0\ncluster = 2\n' + READ, "sectors: is 0", "at least 1 sector"),
    ('name = "n"\nsectors = -4\ncluster = 2\n' + READ, "sectors: -4 is negative", "accepted: "),
    ('name = "n"\nsectors = "big"\ncluster = 2\n' + READ, "sectors: 'big' is not a size", "KiB"),
    ('name = "n"\nsectors = "100B"\ncluster = 2\n' + READ, "sectors: 100 bytes is not a whole", "512"),
    ('name = "n"\nsectors = "2TiB"\ncluster = 2\n' + READ, "sectors: a disk of 2 TiB is overlong", "1 TiB"),
    ('name = "n"\nsectors = 4\ncluster = "0B"\n' + READ, "cluster: is 0", "at least 1 sector"),
    ('name = "n"\nsectors = 4\ncluster = "700B"\n' + READ, "cluster: 700 bytes is not a whole", "512"),
    ('name = "n"\nsectors = 4\ncluster = 1.5\n' + READ, "cluster: 1.5 is not a size", "accepted: "),
    ('name = "n"\nsectors = 4\ncluster = 0x' + "f" * 9000 + "\n" + READ, "cluster: a number of", "no unit"),
    (top("clsuter = 2\n" + READ), "clsuter: unknown key (did you mean 'cluster'?)", "accepted: name"),
    (top('"a\\nb" = 2\n' + READ), "'a\\nb': unknown key;", "accepted: name"),
    (also("[secondary]\nalign = 1"), "secondary.align: unknown key", "protocol_alignment"),
    (top("secondary = 1\n" + READ), "secondary: 1 is not a table", "request_alignment"),
    (also("[secondary]\nrequest_alignment = 3"), "secondary.request_alignment: 1536 bytes", "power of two"),
    (also("[secondary]\nrequest_alignment = 0"), "secondary.request_alignment: 0 bytes", "power of two"),
    (also("[secondary]\nrequest_alignment = 4\ncopy_on_read = true"),
     "secondary.copy_on_read: true: a cluster of 1024 bytes is not whole blocks", "accepted: false"),
    (also('[secondary]\nprotocol_alignment = "3B"'), "secondary.protocol_alignment: 3 bytes", "power of"),
    (also("[secondary]\ncopy_on_read = 1"), "secondary.copy_on_read: 1 is not a truth", "true, false"),
    (also("[options]\ndrain = true"), "options.drain: unknown key", "drain_on_stop"),
    (also('[options]\ndrain_on_stop = "no"'), "options.drain_on_stop: 'no' is not", "true, false"),
    (also("[options]\nquiesced_checkpoint = 0"), "options.quiesced_checkpoint: 0 is not", "true, false"),
    (also('[options]\non_cbw_error = "ignore"'), "options.on_cbw_error: 'ignore' is unknown",
     "accepted: break-guest-write"),
    (also("[options]\non_cbw_error = 1"), "options.on_cbw_error: 1 is unknown", "break-guest-write"),
    (HEAD, "request: the scenario has no request", "accepted: 1 to 16"),
    (top("request = []"), "request: the scenario has no request", "accepted: 1 to 16"),
    (top('[request]\nkind = "stop"'), "request: is {'kind': 'stop'}", "[[request]]"),
    (top("request = [1]"), "request[0]: 1 is not a table", "kind, at, count"),
    (one("at = [0, 1]"), "request[0].kind: missing", "nbd-write, nbd-zero"),
    (one('kind = "nbd-wriet"\nat = [0, 1]'), "request[0].kind: 'nbd-wriet' is unknown",
     "did you mean 'nbd-write'?"),
    (one("kind = 7"), "request[0].kind: 7 is unknown", "checkpoint, stop"),
    (read("lenght = 1"), "request[0].lenght: unknown key", "accepted: kind"),
    (one('kind = "guest-read"'), "request[0].at: missing", "[start, length]"),
    (also('[[request]]\nkind = "checkpoint"\nat = [0, 1]'), "request[1].at: a checkpoint has no", "no `at`"),
    (also('[[request]]\nkind = "stop"\nat = [0, 1]'), "request[1].at: a stop has no extent", "no `at`"),
    (one('kind = "guest-read"\nat = 1'), "request[0].at: 1 is not an extent", "[start, length]"),
    (one('kind = "guest-read"\nat = [1]'), "request[0].at: [1] is not an extent", "[start, length]"),
    (one('kind = "guest-read"\nat = [0, 1, 2]'), "request[0].at: [0, 1, 2] is not", "[start, length]"),
    (one('kind = "guest-read"\nat = [-1, 1]'), "request[0].at[0]: -1 is negative", "accepted: "),
    (one('kind = "guest-read"\nat = [0, 0]'), "request[0].at[1]: the extent is empty", "at least 1"),
    (one('kind = "guest-read"\nat = [0, "1.5KiB"]'), "request[0].at[1]: '1.5KiB' is not", "KiB"),
    (one('kind = "guest-read"\nat = [0, true]'), "request[0].at[1]: True is not a size", "KiB"),
    (also('[[request]]\nkind = "nbd-zero"\nat = [3, 2]'), "request[1].at: [3, 5) runs past",
     "within [0, 4) sectors"),
    (also("[secondary]\nrequest_alignment = 2\nprotocol_alignment = 4\n"
          '[[request]]\nkind = "nbd-zero"\nat = [1, 2]'),
     "request[1].at: nbd-zero 1 is unaligned", "a smaller protocol_alignment"),
    (one('kind = "nbd-zero"\nat = ["0B", "4KiB"]'), "request[0].at: [0, 4096) runs past",
     "within [0, 2048) bytes"),
    (read("count = 0"), "request[0].count: 0 is not", "1 to 16"),
    (read("count = 17"), "request[0].count: 17 is not", "1 to 16"),
    (read("count = true"), "request[0].count: True is not", "1 to 16"),
    (also('[[request]]\nkind = "guest-write"\nat = [0, 1]\ncount = 16'),
     "request[1]: makes 17", "at most 16"),
    (one('kind = "stop"\nstream = true'), "request[0].stream: true: the job ends once", "accepted: false"),
    (read("stream = 1"), "request[0].stream: 1 is not", "true, false"),
    (one('kind = "nbd-write"\nat = [0, 1]\nfault = "cbw-raed"'), "request[0].fault: 'cbw-raed' is unknown",
     "did you mean 'cbw-read'?"),
    (one('kind = "guest-write"\nat = [0, 1]\nfault = "data-write"'),
     "request[0].fault: a guest-write has no transfer 'data-write'", "accepted: none"),
    (one('kind = "stop"\nfault = "cbw-read"'), "request[0].fault: a stop has no transfer", "accepted: none"),
    (top("expect = 1\n" + READ), "expect: 1 is not a table", "accepted: a table"),
    (also("[expect]\nrfc-2016 = 1"), "expect.rfc-2016: 1 is not a table", "deadlock"),
    (also('[expect]\n"rfc 2016" = 1'), "expect.'rfc 2016': 1 is not a table", "deadlock"),
    (also('[expect]\nx = { deadlok = "holds" }'),
     "expect.x.deadlok: unknown property (did you mean 'deadlock'?)",
     "snapshot, guest-write"),
    (also('[expect]\nx = { progres = "holds" }'), "expect.x.progres: unknown property", "progress"),
    (also('[expect]\nx = { deadlock = "hold" }'),
     "expect.x.deadlock: 'hold' is unknown (did you mean 'holds'?)",
     "accepted: holds, violated, undetermined"),
    (also("[expect]\nx = { deadlock = true }"), "expect.x.deadlock: True is unknown", "holds, violated"),
    (also('[expect]\nx = { states = "many" }'), "expect.x.states: 'many' is not a number", "from 1"),
    (also("[expect]\nx = { states = 0 }"), "expect.x.states: 0 is not a number of states", "from 1"),
    (also("[expect]\nx = { states = true }"), "expect.x.states: True is not a number", "from 1"),
    ('name = "n"\nsectors == 4', "not valid TOML: ", "line 2"),
    ('name = "n"\nname = "m"\nsectors = 4', "not valid TOML: ", "line 2"),
    ("name = " + "1" * 5000, "not valid TOML: ", "digits"),
    ("name = " + "[" * 5000, "nested too deeply", "accepted: "),
]  # fmt: skip


@pytest.mark.parametrize(("text", "start", "says"), MISTAKES, ids=[start[:40] for _, start, _ in MISTAKES])
def test_a_mistake_gets_one_clear_line(text: str, start: str, says: str) -> None:
    line = error_of(text)
    assert line.startswith(f"bad: {start}")
    assert says in line
    assert "accepted: " in line or "not valid TOML" in line or "whole number of sectors" in line


def test_design_names_are_checked_when_they_are_known() -> None:
    text = also('[expect]\n"rfc-2061" = { deadlock = "holds" }')
    assert loads(text, "any").expect == {"rfc-2061": {"deadlock": "holds"}}
    line = error_of(text, {"rfc-2016"})
    assert line == "bad: expect.rfc-2061: unknown design (did you mean 'rfc-2016'?); accepted: rfc-2016"


@given(st.text())
def test_any_text_is_read_or_gets_one_line(text: str) -> None:
    for whole in (text, f'{HEAD}"{text}" = 1', f'{HEAD}shows = """{text}"""\n{READ}'):
        try:
            loads(whole, "any")
        except ScenarioError as error:
            one_line(error)


values = st.recursive(
    st.sampled_from(["true", "-1", "0", "1", "17", "1.5", '"4B"', '"holds"', '"stop"', '"x"', "1979-05-27"]),
    lambda inner: st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}]")
    | inner.map(lambda item: f"{{ x = {item} }}"),
    max_leaves=4,
)  # fmt: skip


@given(
    st.sampled_from(
        ["name", "shows", "unit", "sectors", "cluster", "secondary", "options", "request", "expect"]
    ),
    values,
)
def test_a_value_of_any_type_is_read_or_gets_one_line(key: str, value: str) -> None:
    document = {"name": '"n"', "sectors": "4", "cluster": '"1k"', "request": '[{ kind = "checkpoint" }]'}
    document[key] = value
    try:
        loads("\n".join(f"{k} = {v}" for k, v in document.items()), "typed")
    except ScenarioError as error:
        line = one_line(error)
        assert line.startswith(f"typed: {key}")


# -- round trips


def written(scenario: Scenario) -> str:
    """Write a scenario back with what it shows and expects."""
    return tomli_w.dumps({**document(scenario), "shows": scenario.shows, "expect": scenario.expect})


# Not drawn as the workloads of a campaign are: a file may say more, and of larger disks, than is explored.
@st.composite
def valid(draw: Callable[..., object]) -> Scenario:
    def integer(low: int, high: int) -> int:
        value = draw(st.integers(low, high))
        assert isinstance(value, int)
        return value

    def flag() -> bool:
        return integer(0, 1) == 1

    in_bytes = flag()
    unit = 1 if in_bytes else SECTOR
    size = integer(1, 1 << 20) * SECTOR
    requests: list[Request] = []
    for i in range(integer(1, 4)):
        kinds = [kind for kind in KINDS if kind != "stop" or all(r.kind != "stop" for r in requests)]
        kind = kinds[integer(0, len(kinds) - 1)]
        offset = length = None
        if kind in IO_KINDS:
            offset = integer(0, size // unit - 1) * unit
            length = integer(1, (size - offset) // unit) * unit
        fault = "cbw-write" if kind in NBD_WRITES and flag() else "none"
        requests.append(Request(kind, offset, length, False, fault, f"{kind} {i}", i))
    # A discard of the source must be of whole blocks: here, where there is one, a block is a unit.
    discards = any(request.kind == "source-discard" for request in requests)
    alignment = 0 if discards else integer(0, 12)
    cluster = integer(1, 2048) * SECTOR
    fine = any(request.kind in ("nbd-zero", "job-read") for request in requests)  # the node below, then
    return Scenario(
        name="round trip",
        shows="there and back",
        size=size,
        cluster=cluster,
        request_alignment=unit << alignment,
        protocol_alignment=unit << integer(0, alignment if fine or discards else 12),
        copy_on_read=flag() and cluster % (unit << alignment) == 0,
        options={n: False for n in ("quiesced_checkpoint", "drain_on_stop") if flag()},
        requests=tuple(requests),
        expect={"rfc-2016": {"deadlock": "violated", "states": integer(1, 99)}} if flag() else {},
        in_bytes=in_bytes,
        slug="trip",
    )


@given(valid())
def test_a_written_scenario_reads_back(scenario: Scenario) -> None:
    assert loads(written(scenario), "trip") == scenario


def test_a_jobs_read_above_a_coarser_protocol_node_is_refused_for_no_model_has_it() -> None:
    text = 'name = "x"\nunit = "sectors"\nsectors = 4\ncluster = 2\n[secondary]\nprotocol_alignment = 2\n'
    request = '[[request]]\nkind = "{}"\nat = [1, 1]\n'
    loads(text + request.format("nbd-write"), "x")
    with pytest.raises(ScenarioError, match=r"^x: secondary.protocol_alignment: job-read 0 is modelled only"):
        loads(text + request.format("job-read"), "x")
