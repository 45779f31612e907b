"""Whose certificates are believed, and what a probe makes of one that is not. Against real servers with TLS."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from tests.unit.plugins.certificates import DAY, Company

from recoverops.clock import SystemClock
from recoverops.egress import Fetcher, NoAnswerError, target_of
from recoverops.egress.trust import trusting
from recoverops.model import Sample, Service, UnreachableError
from recoverops.plugins.http.probe import HttpProbe
from recoverops.plugins.http.settings import ProbeSettings
from recoverops.testing import Receiver, running_receiver


@pytest.fixture
def company(tmp_path: Path) -> Company:
    return Company(tmp_path)


@pytest.fixture
def trusted(company: Company, monkeypatch: pytest.MonkeyPatch) -> Company:
    monkeypatch.setenv("SSL_CERT_FILE", str(company.file))
    return company


def probe(**urls: str) -> HttpProbe:
    inventory = {name: Service(name=name, group="shop", address={"http": url}) for name, url in urls.items()}
    return HttpProbe(inventory, settings=ProbeSettings(), clock=SystemClock())


def success_of(samples: tuple[Sample, ...], name: str) -> Sample:
    (found,) = [one for one in samples if (one.resource.name, one.metric) == (name, "http.probe.success")]
    return found


def test_a_server_of_the_companys_own_authority_is_believed_when_the_host_believes_it(trusted: Company) -> None:
    with running_receiver(tls=trusted.serving()) as server:
        assert success_of(probe(checkout=server.url).poll(), "checkout").value == 1.0
        outgoing = Fetcher(timeout_s=5, max_bytes=1000, clock=SystemClock())
        assert outgoing.fetch("POST", target_of(server.url, where="x"), headers={}, content=b"{}").status == 200


def test_an_unknown_issuer_says_nothing_about_the_service_and_names_the_way_out(company: Company) -> None:
    with running_receiver(tls=company.serving()) as server, pytest.raises(UnreachableError) as failure:
        probe(checkout=server.url).poll()
    assert "certificate is not trusted here: unable to get local issuer certificate" in str(failure.value)
    assert "SSL_CERT_FILE" in str(failure.value)


def test_one_service_of_an_unknown_issuer_among_others_is_told_once(
    company: Company, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "recoverops.plugins.http")
    with running_receiver(tls=company.serving()) as server:
        source = probe(checkout=receiver.url, strange=server.url)
        samples = [sample for _ in range(3) for sample in source.poll()]
    assert {one.resource.name for one in samples} == {"checkout"}
    (line,) = [one for one in caplog.records if one.message == "probe_changed"]
    assert (line.levelno, getattr(line, "service", "")) == (logging.WARNING, "strange")
    assert "SSL_CERT_FILE" in getattr(line, "statement", "")


def test_an_expired_certificate_is_trouble_of_the_service(trusted: Company) -> None:
    with running_receiver(tls=trusted.serving(valid_for=-DAY)) as server:
        sample = success_of(probe(checkout=server.url).poll(), "checkout")
    assert (sample.value, sample.detail) == (0.0, "its certificate does not hold: certificate has expired")


def test_a_certificate_of_another_host_is_trouble_of_the_service(trusted: Company) -> None:
    with running_receiver(tls=trusted.serving(address="127.0.0.9")) as server:
        sample = success_of(probe(checkout=server.url).poll(), "checkout")
    assert sample.value == 0.0
    assert sample.detail.startswith("its certificate does not hold: ip address mismatch")


def test_who_posts_to_an_unknown_issuer_hears_the_way_out(company: Company) -> None:
    outgoing = Fetcher(timeout_s=5, max_bytes=1000, clock=SystemClock())
    with running_receiver(tls=company.serving()) as server, pytest.raises(NoAnswerError) as failure:
        outgoing.fetch("POST", target_of(server.url, where="x"), headers={}, content=b"{}")
    assert failure.value.is_own_trouble
    assert "SSL_CERT_FILE" in failure.value.reason


@pytest.mark.parametrize("leftover", [None, "ca-bundle.crt"])
def test_a_host_without_a_store_believes_the_list_that_comes_along(
    leftover: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if leftover:
        (tmp_path / leftover).touch()
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "missing.pem"))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
    assert trusting().cert_store_stats()["x509_ca"] > 50
