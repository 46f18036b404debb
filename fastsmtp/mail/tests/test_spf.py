"""SPF results beyond the test suite of the RFC: odd names, limits, pyspf's faults."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from fastsmtp.dns.answers import NO_SUCH_NAME, Answer, Lookup, TemporaryDNSError
from fastsmtp.dns.replay import Missing
from fastsmtp.mail.spf import MAX_REASON_LENGTH, SPFResult, check

type Records = Mapping[tuple[str, str], Sequence[Any]]


def answer_from(records: Records) -> Lookup:
    """Knows `records` by (name, type); any other name does not exist."""

    def lookup(name: str, rdtype: str) -> Answer:
        found = records.get((name, rdtype))
        return NO_SUCH_NAME if found is None else Answer(tuple(found), is_existing=True)

    return lookup


def run(
    policy: bytes,
    records: Records | None = None,
    *,
    domain: str = "example.org",
    ip: str = "192.0.2.1",
    mail_from: str = "alice@example.org",
    helo: str = "mail.example.org",
) -> SPFResult:
    known = {(domain, "TXT"): [policy], **(records or {})}
    return check(ip=ip, mail_from=mail_from, helo=helo, lookup=answer_from(known))


@pytest.mark.parametrize(
    ("policy", "result", "reason"),
    [
        (b"no policy", "none", "example.org has no SPF policy"),
        (b"v=spf1", "neutral", "example.org does not say whether 192.0.2.1 may send for it"),
        (b"v=spf1 +all", "pass", "example.org permits 192.0.2.1 to send for it"),
        (b"v=spf1 -all", "fail", "example.org does not permit 192.0.2.1 to send for it"),
        (b"v=spf1 ~all", "softfail", "example.org probably does not permit 192.0.2.1 to send"),
        (b"v=spf1 foo", "permerror", "Unknown mechanism found"),
    ],
)
def test_each_result_has_a_reason_for_people(policy: bytes, result: str, reason: str) -> None:
    found = run(policy)
    assert (found.result, found.domain) == (result, "example.org")
    assert found.reason.startswith(reason)


def test_a_failed_lookup_is_a_temporary_error() -> None:
    def fail(name: str, rdtype: str) -> Answer:
        raise TemporaryDNSError(name, rdtype, "no answer in time")

    found = check(ip="192.0.2.1", mail_from="a@example.org", helo="", lookup=fail)
    assert found == SPFResult("temperror", "example.org", "the lookup of example.org TXT failed")


def test_an_answer_that_is_still_missing_ends_the_check() -> None:
    def not_yet(name: str, rdtype: str) -> Answer:
        raise Missing(name, rdtype)

    with pytest.raises(Missing):
        check(ip="192.0.2.1", mail_from="a@example.org", helo="", lookup=not_yet)


@pytest.mark.parametrize("helo", ["mail.example.org", "MAIL.example.org.", "m\u00e4il.example.org"])
def test_the_null_path_is_checked_by_its_helo(helo: str) -> None:
    domain = {"m\u00e4il.example.org": "xn--mil-qla.example.org"}.get(helo, "mail.example.org")
    found = run(b"v=spf1 exists:%{l}.%{o}.org -all", domain=domain, mail_from="", helo=helo)
    assert (found.result, found.domain.lower()) == ("fail", domain)


@pytest.mark.parametrize(
    "domain",
    [
        "",
        ".",
        "localhost",
        "[192.0.2.1]",
        "[IPv6:2001:db8::1]",
        "a..example.org",
        "a" * 64 + ".example.org",
        ".".join(["a" * 49] * 6),
        "\ud800.example",
        "bad\u200d.example",
    ],
)
@pytest.mark.parametrize("is_null_path", [True, False])
def test_what_is_no_domain_has_no_policy(domain: str, is_null_path: bool) -> None:
    def refuse(name: str, rdtype: str) -> Answer:
        raise AssertionError("There is nothing to ask for")

    mail_from, helo = ("", domain) if is_null_path else (f"alice@{domain}", "mail.example.org")
    found = check(ip="192.0.2.1", mail_from=mail_from, helo=helo, lookup=refuse)
    assert found.result == "none"


@pytest.mark.parametrize(
    ("mail_from", "domain"),
    [
        ('"a@b"@example.org', "example.org"),
        ("alice@example.org.", "example.org"),
        ("alice@plant_7.example.org", "plant_7.example.org"),
        ("alice@b\u00fccher.example", "xn--bcher-kva.example"),
        ("@example.org", "example.org"),
        ("example.org", "example.org"),
    ],
)
def test_the_domain_of_an_odd_reverse_path_is_found(mail_from: str, domain: str) -> None:
    found = run(b"v=spf1 +all", domain=domain, mail_from=mail_from)
    assert (found.result, found.domain) == ("pass", domain)


@pytest.mark.parametrize("helo", ["", "[192.0.2.1]", "\ud800", "a b", "x" * 300])
def test_an_odd_helo_does_no_harm_in_a_macro(helo: str) -> None:
    assert run(b"v=spf1 exists:%{h}.example.org -all", helo=helo).result == "fail"


def test_a_local_part_beyond_ascii_matches_nothing() -> None:
    """RFC 8616 §4."""
    found = run(b"v=spf1 exists:%{l}.example.org -all", mail_from="j\u00fcrgen@example.org")
    assert found.result == "fail"


@pytest.mark.parametrize(
    ("ip", "policy", "result"),
    [
        ("::ffff:192.0.2.1", b"v=spf1 ip4:192.0.2.0/24 -all", "pass"),
        ("::ffff:192.0.2.1", b"v=spf1 ip6:::ffff:192.0.2.1 -all", "fail"),
        ("::ffff:192.0.2.1", b"v=spf1 a -all", "pass"),
        ("2001:db8::1", b"v=spf1 ip6:2001:DB8::/32 -all", "pass"),
        ("2001:db8::1", b"v=spf1 ip6:2001:db9::/32 -all", "fail"),
        ("2001:db8::1", b"v=spf1 a -all", "pass"),
        ("2001:db8::2", b"v=spf1 a//64 -all", "pass"),
        ("fe80::1%eth0", b"v=spf1 ip6:fe80::1 -all", "pass"),
        ("", b"v=spf1 +all", "none"),
        ("list", b"v=spf1 +all", "none"),
    ],
)
def test_client_addresses_of_both_kinds(ip: str, policy: bytes, result: str) -> None:
    own = {("example.org", "A"): ["192.0.2.1"], ("example.org", "AAAA"): ["2001:db8::1"]}
    assert run(policy, own, ip=ip).result == result


def includes(count: int) -> bytes:
    return b"v=spf1 " + b" ".join(b"include:%d.example.net" % i for i in range(count)) + b" +all"


@pytest.mark.parametrize(("count", "result"), [(10, "pass"), (11, "permerror"), (400, "permerror")])
def test_ten_terms_may_ask(count: int, result: str) -> None:
    policies = {(f"{i}.example.net", "TXT"): [b"v=spf1 -all"] for i in range(count)}
    assert run(includes(count), policies).result == result


@pytest.mark.parametrize(("count", "result"), [(2, "pass"), (3, "permerror")])
def test_two_lookups_may_find_nothing(count: int, result: str) -> None:
    terms = b" ".join(b"a:%d.example.net" % i for i in range(count))
    assert run(b"v=spf1 " + terms + b" +all").result == result


@pytest.mark.parametrize(("count", "result"), [(10, "pass"), (11, "permerror")])
def test_a_domain_may_have_ten_mail_servers(count: int, result: str) -> None:
    hosts = [f"mx{i}.example.org" for i in range(count)]
    records: dict[tuple[str, str], list[Any]] = {(host, "A"): ["192.0.2.99"] for host in hosts}
    records["example.org", "MX"] = [(10, host) for host in hosts]
    records[hosts[-1], "A"] = ["192.0.2.1"]
    assert run(b"v=spf1 mx -all", records).result == result


@pytest.mark.parametrize(("position", "result"), [(9, "pass"), (10, "fail")])
def test_of_many_names_of_a_client_ten_are_looked_at(position: int, result: str) -> None:
    names = [f"{i}.example.net" for i in range(20)]
    records: dict[tuple[str, str], list[Any]] = {(name, "A"): ["192.0.2.1"] for name in names}
    names[position] = "mail.example.org"
    records["mail.example.org", "A"] = ["192.0.2.1"]
    records["1.2.0.192.in-addr.arpa", "PTR"] = names
    assert run(b"v=spf1 ptr -all", records).result == result


@pytest.mark.parametrize("failing", ["1.2.0.192.in-addr.arpa", "mail.example.org"])
def test_a_failed_lookup_for_ptr_only_matches_nothing(failing: str) -> None:
    known: Records = {
        ("example.org", "TXT"): [b"v=spf1 ptr -all"],
        ("1.2.0.192.in-addr.arpa", "PTR"): ["mail.example.org"],
        ("mail.example.org", "A"): ["192.0.2.1"],
    }

    def lookup(name: str, rdtype: str) -> Answer:
        if name == failing:
            raise TemporaryDNSError(name, rdtype, "no answer in time")
        return answer_from(known)(name, rdtype)

    assert check(ip="192.0.2.1", mail_from="a@example.org", helo="", lookup=lookup).result == "fail"


def test_the_domain_owners_explanation_is_not_asked_for() -> None:
    asked = []

    def lookup(name: str, rdtype: str) -> Answer:
        asked.append(name)
        return Answer((b"v=spf1 exp=why.example.org -all",), is_existing=True)

    found = check(ip="192.0.2.1", mail_from="a@example.org", helo="", lookup=lookup)
    assert (found.result, asked) == ("fail", ["example.org"])


@pytest.mark.parametrize("modifier", [b"redirect", b"Redirect", b"REDIRECT"])
def test_modifier_names_are_case_insensitive(modifier: bytes) -> None:
    policies = {("example.net", "TXT"): [b"v=spf1 -all"]}
    assert run(b"v=spf1 " + modifier + b"=example.net", policies).result == "fail"


def test_an_expanded_name_loses_as_many_labels_as_it_takes() -> None:
    """§7.3: 253 octets are left of it, cut at a label."""
    label = "a" * 60
    mail_from = f"{'.'.join([label] * 4)}@example.org"
    kept = ".".join([*[label] * 3, "x", "example.net"])
    policy = b"v=spf1 exists:%{l}.%{l}.x.example.net -all"
    found = run(policy, {(kept, "A"): ["127.0.0.2"]}, mail_from=mail_from)
    assert found.result == "pass"


@pytest.mark.parametrize(
    "term",
    [
        b"a:%{d0}.org",
        b"a:%{d" + b"9" * 400 + b"}.org",
        b"a:%{dx}.org",
        b"a:%{}.org",
        b"a:" + b"%{" * 200 + b".org",
        b"a:." + b"a" * 500 + b"!",
        b"a:" + b"a" * 600 + b".org",
        b" ".join([b"a"] * 5000),
        b"ip4:192.0.2.1\n-all",
        b"\xff",
        b"ip4:",
        b"a:[192.0.2.1]",
        b"/24",
        b"=",
    ],
)
def test_a_broken_or_hostile_policy_is_a_permanent_error(term: bytes) -> None:
    assert run(b"v=spf1 " + term + b" -all").result == "permerror"


def test_a_reason_is_a_short_line_without_what_a_stranger_smuggled_in() -> None:
    def fail(asked: str, rdtype: str) -> Answer:
        if asked == "example.org":
            return Answer((b"v=spf1 exists:%{l}.example.org -all",), is_existing=True)
        raise TemporaryDNSError(asked, rdtype, "no answer in time")

    found = check(
        ip="192.0.2.1",
        mail_from=f"a\x07(b);{'c' * 50}.{'d' * 63}.{'e' * 60}@example.org",
        helo="",
        lookup=fail,
    )
    assert found.result == "temperror"
    assert found.reason.startswith("the lookup of a??b??ccc")
    assert len(found.reason) <= MAX_REASON_LENGTH


@pytest.mark.parametrize(("count", "result"), [(998, "pass"), (999, "permerror")])
def test_a_policy_has_not_too_many_terms(count: int, result: str) -> None:
    """The version and `+all` are two of 1,000."""
    ignored = b" ".join(b"x%d=y" % i for i in range(count))
    assert run(b"v=spf1 " + ignored + b" +all").result == result


@pytest.mark.parametrize(("count", "result"), [(498, "pass"), (499, "permerror")])
@pytest.mark.parametrize("way", [b"include:", b"redirect="])
def test_terms_of_all_policies_are_counted(way: bytes, count: int, result: str) -> None:
    """Two versions, the way to the other policy and its `+all` are four of 1,000."""
    terms = b" ip6:::1" * count
    own = b"v=spf1" + terms + b" " + way + b"example.net"
    found = run(own, {("example.net", "TXT"): [b"v=spf1" + terms + b" +all"]})
    assert found.result == result
    assert ("over 1000 terms" in found.reason) == (result == "permerror")


@pytest.mark.parametrize(
    ("term", "has_sender_macro"),
    [
        (b"exists:%{l}.example.net", True),
        (b"exists:%{S}.example.net", True),
        (b"exists:%{h1r-}.example.net", True),
        (b"x=%{l", True),
        (b"exists:%{i}.%{o}.%{d}.example.net", False),
        (b"exists:%%l.example.net", False),
        (b"a:example.net", False),
        (b"foo", False),
    ],
)
@pytest.mark.parametrize("way", [b"", b"include:", b"redirect="])
def test_a_result_tells_whether_it_is_about_one_sender(
    way: bytes, term: bytes, has_sender_macro: bool
) -> None:
    policy = b"v=spf1 " + term
    other = {("other.example", "TXT"): [policy]}
    found = run(b"v=spf1 " + way + b"other.example" if way else policy, other)
    assert found.has_sender_macro == has_sender_macro


@pytest.mark.parametrize("rdtype", ["MX", "PTR"])
def test_all_hosts_are_asked_for_at_once(rdtype: str) -> None:
    """Each missing answer more would let the check begin anew."""
    hosts = [f"h{number}.example.org" for number in range(10)]
    known: Records = {
        ("example.org", "TXT"): [b"v=spf1 mx ptr -all"],
        ("example.org", "MX"): [(10, host) for host in hosts] if rdtype == "MX" else [],
        ("1.2.0.192.in-addr.arpa", "PTR"): hosts if rdtype == "PTR" else [],
    }
    asked: list[str] = []

    def lookup(name: str, rdtype: str) -> Answer:
        if name in hosts:
            asked.append(name)
            raise Missing(name, rdtype)
        return answer_from(known)(name, rdtype)

    with pytest.raises(Missing):
        check(ip="192.0.2.1", mail_from="a@example.org", helo="", lookup=lookup)
    assert set(asked) == set(hosts)
