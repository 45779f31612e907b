"""What `init` makes of what it found: parsers and the proposal, on facts that no machine has to have."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from recoverops.app.discovery.facts import Facts, Port, Program, Supervised, Supervisord
from recoverops.app.discovery.monitoring import candidates, runs_as
from recoverops.app.discovery.ports import may_speak_http, ports_of
from recoverops.app.discovery.programs import nginx_files, unit_in
from recoverops.app.discovery.prometheus import episodes_of, series_in
from recoverops.app.discovery.propose import Proposal, Proposed, propose
from recoverops.app.discovery.supervisors import configuration_files, programs_in, urls_in
from recoverops.app.discovery.units import units_in
from recoverops.app.discovery.write import receiver_snippet, text_of, write
from recoverops.app.load import load_settings
from recoverops.model import ConflictError, Mode

STEP = timedelta(seconds=15)


def _program(pid: int, name: str, *command: str, unit: str = "", ancestors: tuple[int, ...] = ()) -> Program:
    return Program(pid=pid, name=name, command=command or (name,), unit=unit, ancestors=ancestors, directory="/srv")


# supervisord


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (("/usr/bin/python3", "/usr/bin/supervisord", "-n", "-c", "/etc/s.conf"), ("/etc/s.conf",)),
        (("supervisord", "-cown.conf"), ("/srv/own.conf",)),
        (("supervisord", "--configuration=/etc/s.conf"), ("/etc/s.conf",)),
        (("supervisord", "--configuration", "/etc/s.conf"), ("/etc/s.conf",)),
        (("python", "-m", "supervisor.supervisord", "-c", "s.conf"), ("/srv/s.conf",)),
        (("vi", "/etc/supervisord.conf"), ()),
    ],
)
def test_the_configuration_of_a_running_supervisord_is_on_its_command_line(
    command: tuple[str, ...], expected: tuple[str, ...]
) -> None:
    found = configuration_files([_program(1, "supervisord", *command)])
    assert tuple(str(path) for path in found) == expected


def test_a_supervisord_without_an_option_reads_the_usual_files() -> None:
    found = [str(path) for path in configuration_files([_program(1, "supervisord", "supervisord")])]
    assert found[0] == "/srv/supervisord.conf"
    assert "/etc/supervisor/supervisord.conf" in found


def test_a_supervisors_doors_are_read_from_its_configuration_without_its_password() -> None:
    text = (
        "[unix_http_server]\nfile = %(here)s/s.sock ; comment\nusername=u\npassword=hunter2\n"
        "[inet_http_server]\nport=*:9001\n[program:x]\ncommand=a %(ENV_HOME)s"
    )
    urls = urls_in(text, here=Path("/srv"))
    assert urls == ("unix:///srv/s.sock", "http://127.0.0.1:9001")
    assert "hunter2" not in str(urls)
    assert urls_in("[unix_http_server]\nfile=/run/%(ENV_X)s.sock", here=Path("/srv")) == ()
    assert urls_in("no ini file at all", here=Path("/srv")) == ()


def test_an_odd_answer_of_a_supervisor_has_no_programs() -> None:
    assert programs_in("nonsense") == ()
    assert programs_in([{"name": ""}, 5, {"group": "g", "name": "n", "statename": "RUNNING", "pid": 7}]) == (
        Supervised(group="g", name="n", state="RUNNING", pid=7),
    )


# processes, ports, units


def test_the_unit_of_a_process_is_in_its_cgroup() -> None:
    assert unit_in("0::/system.slice/nginx.service\n") == "nginx.service"
    assert unit_in("0::/user.slice/user-1000.slice/user@1000.service/app.slice/web.service\n") == "web.service"
    assert unit_in("0::/init.scope\n") == ""


def test_running_units_are_the_first_words_of_systemctls_lines() -> None:
    assert units_in("nginx.service loaded active running A\n\nx.timer loaded\n") == ("nginx.service",)


def test_only_ports_that_can_be_reached_from_here_count_and_each_once() -> None:
    web = _program(9, "web")
    heard = [("0.0.0.0", 80, 9), ("::", 80, 9), ("10.0.0.5", 81, 9), ("::1", 82, None), ("127.0.0.1", 79, 7)]
    assert ports_of(heard, {9: web}) == (
        Port(host="127.0.0.1", port=79),
        Port(host="127.0.0.1", port=80, program=web),
        Port(host="[::1]", port=82),
    )


def test_databases_and_unknown_processes_are_not_asked_over_http() -> None:
    assert may_speak_http(Port(host="127.0.0.1", port=8080, program=_program(1, "web")))
    assert not may_speak_http(Port(host="127.0.0.1", port=8080))
    assert not may_speak_http(Port(host="127.0.0.1", port=5432, program=_program(1, "anything")))
    assert not may_speak_http(Port(host="127.0.0.1", port=16379, program=_program(1, "redis-server")))


def test_nginx_says_on_its_command_line_which_file_it_reads() -> None:
    own = _program(1, "nginx", "nginx: master process nginx -c /srv/nginx.conf -g daemon off;")
    usual = _program(2, "nginx", "nginx: master process /usr/sbin/nginx -g daemon on;")
    worker = _program(3, "nginx", "nginx: worker process")
    assert nginx_files((own, usual, worker)) == ("/srv/nginx.conf", "/etc/nginx/nginx.conf")


def test_prometheus_is_looked_for_at_its_usual_port_and_where_it_runs() -> None:
    named = _program(1, "prometheus", "/usr/bin/prometheus", "--web.listen-address=:9191")
    heard = _program(2, "prometheus", "prometheus")
    other = _program(3, "prometheus-aler", "/usr/bin/prometheus-alertmanager", "--web.listen-address", "0.0.0.0:9494")
    ports = [Port(host="127.0.0.1", port=9292, program=heard)]
    assert candidates("prometheus", [named, heard, other], ports) == (
        "http://127.0.0.1:9090",
        "http://127.0.0.1:9191",
        "http://127.0.0.1:9292",
    )
    assert candidates("alertmanager", [named, heard, other], ports) == (
        "http://127.0.0.1:9093",
        "http://127.0.0.1:9494",
    )
    assert runs_as(_program(4, "node_exporter", "/usr/bin/prometheus-node-exporter")) == ""


# the proposal and its file

SUPERVISOR = Supervisord(
    url="unix:///run/supervisor.sock",
    programs=(
        Supervised(group="shop", name="checkout", state="RUNNING", pid=100),
        Supervised(group="blog", name="checkout", state="STOPPED"),
        Supervised(group="mail", name="mail", state="RUNNING", pid=200),
    ),
)
FACTS = Facts(
    supervisors=(SUPERVISOR, Supervisord(url="http://127.0.0.1:9001", trouble="asks for a user name and a password")),
    ports=(
        Port(
            host="127.0.0.1",
            port=8080,
            program=_program(101, "python3", ancestors=(100, 1)),
            health="http://127.0.0.1:8080/health",
        ),
        Port(host="127.0.0.1", port=8181, program=_program(300, "python3.11"), health="http://127.0.0.1:8181/"),
        Port(
            host="127.0.0.1",
            port=80,
            program=_program(400, "nginx", unit="nginx.service"),
            health="http://127.0.0.1:80/",
        ),
        Port(host="127.0.0.1", port=8765, program=_program(500, "java")),
        Port(host="127.0.0.1", port=9090, program=_program(600, "prometheus"), health="http://127.0.0.1:9090/"),
    ),
    units=("nginx.service", "ssh.service", "billing.service"),
    nginx=("/etc/nginx/nginx.conf",),
    prometheus=("http://127.0.0.1:9090",),
)


def test_each_service_has_the_address_that_was_found() -> None:
    proposal = propose(FACTS)
    assert proposal.services == (
        Proposed(
            name="checkout",
            group="shop",
            address={"supervisor": "shop:checkout", "http": "http://127.0.0.1:8080/health"},
        ),
        Proposed(name="blog-checkout", group="blog", address={"supervisor": "blog:checkout"}),
        Proposed(name="mail", address={"supervisor": "mail"}),
        Proposed(name="python3.11-8181", address={"http": "http://127.0.0.1:8181/"}),
        Proposed(name="nginx", address={"http": "http://127.0.0.1:80/", "systemd": "nginx.service"}),
    )
    assert proposal.supervisor == "unix:///run/supervisor.sock"
    assert proposal.port == 8766, "8765 is taken by another program"


def test_what_could_not_be_decided_is_said() -> None:
    told = "\n".join(propose(FACTS).undecided)
    assert "http://127.0.0.1:9001 asks for a user name and a password" in told
    assert "java (pid 500)" in told
    assert "billing.service" in told
    assert "ssh.service" not in told
    assert "/etc/nginx/nginx.conf" in told
    assert "no supervisord was found" in "\n".join(propose(Facts()).undecided)


def test_units_alone_bring_the_plugin_that_reads_them_and_a_users_session_is_no_unit(tmp_path: Path) -> None:
    ports = (
        Port(
            host="127.0.0.1",
            port=80,
            program=_program(400, "nginx", unit="nginx.service"),
            health="http://127.0.0.1:80/",
        ),
        Port(
            host="127.0.0.1",
            port=8181,
            program=_program(300, "shop", unit="user@1000.service"),
            health="http://127.0.0.1:8181/",
        ),
    )
    proposal = propose(Facts(ports=ports))
    assert proposal.services[1] == Proposed(name="shop", address={"http": "http://127.0.0.1:8181/"})
    assert "no supervisord was found" not in "\n".join(proposal.undecided)
    settings = load_settings(write(tmp_path, text_of(proposal), force=False), {})
    assert "linux" in [one.name for one in settings.plugins]


@pytest.mark.parametrize("facts", [FACTS, Facts()], ids=["a full machine", "an empty machine"])
def test_the_written_file_loads_and_observes(tmp_path: Path, facts: Facts) -> None:
    proposal = propose(facts)
    path = write(tmp_path / "new", text_of(proposal), force=False)
    settings = load_settings(path, {})
    assert settings.decision.mode is Mode.OBSERVE
    assert {name: dict(one.address) for name, one in settings.inventory.services.items()} == {
        one.name: one.address for one in proposal.services
    }
    assert settings.api.port == proposal.port


@pytest.mark.parametrize("odd", ["it's: {odd}\n#", "true", "12", "-", "ünïcode", "a" * 300])
def test_odd_names_of_programs_still_give_a_file_that_loads(tmp_path: Path, odd: str) -> None:
    programs = (Supervised(group=odd, name=odd, state="RUNNING"), Supervised(group="g", name=odd, state="RUNNING"))
    facts = Facts(supervisors=(Supervisord(url="unix:///run/s.sock", programs=programs),), nginx=(odd,))
    settings = load_settings(write(tmp_path, text_of(propose(facts)), force=False), {})
    assert [one.address["supervisor"] for one in settings.inventory.services.values()] == [odd, f"g:{odd}"]


def test_a_file_that_is_there_is_kept_unless_forced(tmp_path: Path) -> None:
    (tmp_path / "recoverops.yaml").write_text("mine")
    with pytest.raises(ConflictError, match="--force"):
        write(tmp_path, text_of(Proposal()), force=False)
    assert (tmp_path / "recoverops.yaml").read_text() == "mine"
    write(tmp_path, text_of(Proposal()), force=True)
    assert "mode: observe" in (tmp_path / "recoverops.yaml").read_text()
    assert [file.name for file in tmp_path.iterdir()] == ["recoverops.yaml"]


def test_the_receiver_names_the_key_file_and_not_the_key(tmp_path: Path) -> None:
    (tmp_path / "admin.key").write_text("secret-key")
    told = receiver_snippet(host="127.0.0.1", port=8765, data_dir=tmp_path)
    assert "url: http://127.0.0.1:8765/intake/alertmanager" in told
    assert f'credentials_file: "{tmp_path}/admin.key"' in told
    assert "secret-key" not in told


# the last day


def test_an_episode_is_an_unbroken_run_of_points_and_as_long_as_was_measured() -> None:
    assert episodes_of([], step=STEP) == []
    assert episodes_of([100.0], step=STEP) == [0.0]
    assert episodes_of([100.0, 115.0, 130.0, 300.0, 400.0, 415.0], step=STEP) == [30.0, 0.0, 15.0]


def test_an_answer_that_is_no_matrix_has_no_series() -> None:
    assert series_in({"data": {"resultType": "vector", "result": [{}]}}) == []
    assert series_in({"data": None}) == []
