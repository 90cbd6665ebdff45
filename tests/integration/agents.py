#!/usr/bin/python3
"""Sessions, grants and stops over the wire: the transcripts of the protocol page, bad input with its
path, every reason of a deny, revocation under load, uses under 64 clients that lose replies, restarts,
and kills between the steps of a use and of a revocation.

Starts its own behalfd from $BUILD (build/release by default); prints one line per case."""
import os
import random
import re
import shutil
import signal
import sys
import tempfile
import threading
import time

from lib_process import end_since, mark
from lib_time import moment
from protocol import PATIENCE, Server

SEED = int(os.environ.get("BEHALF_SEED", str(random.SystemRandom().randrange(1 << 32))))
CRASHES = int(os.environ.get("BEHALF_CRASHES", "3"))
os.environ.pop("BEHALF_SEED", None)  # the server refuses variables that it does not know
os.environ.pop("BEHALF_CRASHES", None)
HEX, OTHER_HEX = "0123456789abcdef" * 4, "f" * 64
SCHEMA = """
caveat quota(amount int, most int) { amount <= most }
definition user {}
definition agent { permission acts_on_behalf_of = nil }
definition standing { relation acts_on_behalf_of: user }
definition team {
    relation admin: user
    permission agent_approver = admin
}
definition folder {}
definition document {
    relation folder: folder
    relation viewer: user | team
    relation owner: user
    permission within = folder
    permission view = viewer + owner
    permission edit = owner
    permission delete = owner
}
definition vault {
    relation viewer: user
    relation cleared: agent
    permission view = viewer
    permission agent_ceiling = cleared
}
"""
DATA = [
    "document:d1#viewer@user:ann", "document:d2#owner@user:ann", "document:d3#viewer@user:bob",
    "document:d4#viewer@team:ops", "document:d2#folder@folder:f", "team:ops#admin@user:carol",
    "vault:open#viewer@user:ann", "vault:open#cleared@agent:bot", "vault:shut#viewer@user:ann",
    "standing:bot#acts_on_behalf_of@user:ann",
]
VIEW = [{"selector": "document:*", "actions": ["view"]}]
UNKNOWN_GRANT = "gr_01JZ8Q6WV3T5N0R2M4K7C9X1BD"
UNKNOWN_SESSION = "ses_01JZ8Q6WV3T5N0R2M4K7C9X1BD"
CASES = []
serial = iter(range(1, 1 << 30))


def case(function):
    CASES.append(function)
    return function


def fresh(type="agent"):
    """An object that no other case knows."""
    return "%s:n%d" % (type, next(serial))


def terms(**more):
    return dict({"scope": VIEW, "expires_in_s": 600, "approval": {"approver": "user:ann"}}, **more)


def consent(client, agent, principal="user:ann", session=None, **grant):
    """Session and grant of one call."""
    made = client.call("sessions.create", principal=principal, agent=agent,
                       **dict({"expires_in_s": 3600}, **(session or {})), grant=terms(**grant))
    return made["session"], made["grant"]


def question(agent, grant, resource="document:d1", permission="view", subject="user:ann", **more):
    return dict({"resource": resource, "permission": permission, "subject": subject,
                 "actor": agent, "grant": grant}, **more)


def delegated(client, agent, grant, **more):
    """Decision and reason."""
    answer = client.call("check", **question(agent, grant, **more))
    assert re.fullmatch("dec_[0-7][0-9A-HJKMNP-TV-Z]{25}", answer["decision_id"]), answer
    assert (answer["decision"] == "allow") == ("reason" not in answer), answer
    return answer["decision"], answer.get("reason")


def denied(client, reason, agent, grant, **more):
    found = delegated(client, agent, grant, **more)
    assert found == ("deny", reason), (found, reason)


def allowed(client, agent, grant, **more):
    found = delegated(client, agent, grant, **more)
    assert found == ("allow", None), found


def refuses(client, expected, method, **arguments):
    """As Client.refused, for methods with an argument `reason`."""
    error = client.fail(method, **arguments)
    assert error["reason"] == expected, error


def until_denied(client, reason, agent, grant):
    """An end that the server's clock brings."""
    give_up = time.monotonic() + PATIENCE
    while True:
        found = delegated(client, agent, grant)
        if found != ("allow", None):
            assert found == ("deny", reason), found
            return
        assert time.monotonic() < give_up, "it never ended"


# ---- The page ---------------------------------------------------------------------------------


@case
def the_transcripts_of_the_page(client, server):
    bot = fresh()
    made = client.call("sessions.create", principal="user:ann", agent=bot, expires_in_s=28800, grant={
        "scope": VIEW, "expires_in_s": 1800, "approval": {"approver": "user:ann", "channel": "browser"}})
    assert set(made) == {"session", "grant", "written_at"}, made
    answer = client.call("check", **question(bot, made["grant"]))
    assert answer["decision"] == "allow" and answer["decision_id"].startswith("dec_"), answer
    assert set(answer) == {"decision", "valid_until", "checked_at", "decision_id"}, answer
    until = moment(answer["valid_until"])
    read = client.call("grants.read", grant=made["grant"])
    assert until <= moment(read["expires_at"]), (answer, read)
    denied(client, "scope_excluded", bot, made["grant"], permission="delete")
    second = client.call("grants.create", session=made["session"], scope=VIEW, expires_in_s=1800,
                         max_depth=1, approval={"approver": "user:ann", "channel": "browser"})
    assert set(second) == {"grant", "written_at"} and second["grant"] != made["grant"], second
    assert set(client.call("agents.kill", agent=bot, reason="incident 42")) == {"written_at"}
    denied(client, "agent_stopped", bot, second["grant"])
    denied(client, "agent_stopped", bot, made["grant"])
    filtered = client.call("filter_resources", resources=["document:d4", "document:d1"],
                           permission="view", subject="user:ann", actor=bot, grant=made["grant"])
    assert filtered["resources"] == [] and filtered["reason"] == "agent_stopped", filtered


@case
def a_session_alone_allows_nothing(client, server):
    bot = fresh()
    made = client.call("sessions.create", principal="user:ann", agent=bot, expires_in_s=60)
    assert set(made) == {"session", "written_at"}, made
    answer = client.call("check", resource="document:d1", permission="view", subject="user:ann",
                         actor=bot)
    assert (answer["decision"], answer["reason"]) == ("deny", "no_grant"), answer


@case
def a_chain_is_passed_on_and_ends_with_its_root(client, server):
    bot, helper, third = fresh(), fresh(), fresh()
    session, root = consent(client, bot, max_depth=1, scope=[
        {"selector": "document:*", "actions": ["view", "edit"]}])
    child = client.call("grants.delegate", parent=root, actor=bot, delegatee=helper,
                        scope=[{"selector": "document:d2", "actions": ["view"]}])["grant"]
    allowed(client, helper, child, resource="document:d2")
    allowed(client, [bot, helper], child, resource="document:d2")
    denied(client, "act_chain_mismatch", [third, helper], child, resource="document:d2")
    denied(client, "actor_mismatch", bot, child, resource="document:d2")
    denied(client, "scope_excluded", helper, child)
    denied(client, "scope_excluded", helper, child, resource="document:d2", permission="edit")
    allowed(client, bot, root, resource="document:d2", permission="edit")
    assert client.call("grants.read", grant=child)["chain"] == [root, child]
    client.refused("EXCEEDS_MAXIMUM_ALLOWABLE_LIMIT", "grants.delegate", parent=child, actor=helper,
                   delegatee=third, scope=[{"selector": "document:d2", "actions": ["view"]}],
                   max_depth=8)
    for wrong in (dict(parent=child, actor=helper), dict(parent=root, actor=helper)):
        refusal = client.fail("grants.delegate", delegatee=third, scope=[
            {"selector": "document:d2", "actions": ["view"]}], **wrong)
        assert refusal["code"] == "FAILED_PRECONDITION", refusal
    refusal = client.refused("SCOPE_NOT_NARROWER", "grants.delegate", parent=root, actor=bot,
                             delegatee=third, scope=[
                                 {"selector": "document:d2", "actions": ["view"]},
                                 {"selector": "document:d2", "actions": ["delete"]}])
    assert refusal["index"] == 1, refusal
    client.call("grants.revoke", grant=root, reason="done")
    denied(client, "grant_revoked", helper, child, resource="document:d2")
    assert client.call("grants.read", grant=child)["state"] == "grant_revoked"


@case
def records_are_read_and_listed(client, server):
    bot, principal = fresh(), fresh("user")
    session, grant = consent(client, bot, principal, session={
        "client": "desk", "idle_timeout_s": 60, "evidence": {"acr": "high", "time": 5}},
        approval={"approver": principal, "channel": "browser"}, uses=3, purpose="trip",
        bind={"method": "POST /mail", "digest": HEX}, tools=[{"name": "mail", "sha256": HEX}],
        constraints=[{"caveat": "quota", "context": {"most": 5}}])
    read = client.call("sessions.read", session=session)
    assert read["session"] == session and read["state"] == read["status"] == "active", read
    assert (read["principal"], read["agent"], read["client"]) == (principal, bot, "desk"), read
    assert read["evidence"] == {"acr": "high", "time": 5} and read["idle_timeout_s"] == 60, read
    assert moment(read["created"]) <= moment(read["last_seen"]) < moment(read["expires_at"]), read
    read = client.call("grants.read", grant=grant)
    assert (read["grant"], read["session"], read["chain"]) == (grant, session, [grant]), read
    assert (read["delegator"], read["delegatee"]) == (principal, bot), read
    assert read["scope"] == VIEW and read["purpose"] == "trip", read
    assert read["uses"] == read["uses_left"] == 3 and read["state"] == "active", read
    assert read["bind"] == {"method": "POST /mail", "digest": HEX}, read
    assert read["tools"] == [{"name": "mail", "sha256": HEX}], read
    assert read["constraints"][0]["context"] == {"most": 5}, read
    assert read["approval"]["approver"] == principal and moment(read["approval"]["at"]), read
    assert "made" not in read and "parent" not in read and read["read_at"], read
    del read["read_at"]
    for by in ({"session": session}, {"agent": bot}):
        page = client.call("grants.list", **by)
        assert page["complete"] is True and page["cursor"] is None, page
        assert page["grants"] == [read], (page, read)
    more = [client.call("sessions.create", principal=principal, agent=bot,
                        expires_in_s=100 + n)["session"] for n in range(4)]
    for by in ({"principal": principal}, {"agent": bot}):
        whole = [one["session"] for one in client.call("sessions.list", **by)["sessions"]]
        assert whole == more + [session], (whole, more, session)
        found, cursor = [], {}
        while True:
            page = client.call("sessions.list", limit=2, **by, **cursor)
            found += [one["session"] for one in page["sessions"]]
            if page["cursor"] is None:
                assert page["complete"] is True
                break
            assert len(page["sessions"]) == 2 and page["complete"] is False, page
            cursor = {"cursor": page["cursor"]}
        assert found == whole, (found, whole)
    client.call("sessions.suspend", session=session, reason="risk")
    read = client.call("sessions.read", session=session)
    assert (read["status"], read["state"], read["reason"]) == ("suspended", "session_suspended", "risk")
    client.call("grants.revoke", grant=grant, reason="enough")
    read = client.call("grants.read", grant=grant)
    assert read["revoked"]["reason"] == "enough" and moment(read["revoked"]["at"]), read
    assert read["state"] == "session_suspended", read
    assert "made" not in read, read


# ---- Bad input --------------------------------------------------------------------------------


@case
def bad_input_is_refused_with_its_path(client, server):
    bot = fresh()
    session, grant = consent(client, bot, max_depth=1)
    new = {"principal": "user:ann", "agent": bot, "expires_in_s": 60}
    root = dict(terms(), session=session)
    child = {"parent": grant, "actor": bot, "delegatee": fresh(), "scope": VIEW}
    asked = question(bot, grant)
    MALFORMED, UNKNOWN = "MALFORMED_REQUEST", "UNKNOWN_ARGUMENT"
    LIMIT, WILDCARD = "EXCEEDS_MAXIMUM_ALLOWABLE_LIMIT", "WILDCARD_NOT_ALLOWED"
    rows = [
        ("sessions.create", dict(new, principal="user:*"), WILDCARD, "'principal'"),
        ("sessions.create", dict(new, agent="team:ops#admin"), MALFORMED, "'agent'"),
        ("sessions.create", dict(new, expires_at="2027-01-01T00:00:00Z"), MALFORMED, "expires_at"),
        ("sessions.create", {"principal": "user:ann", "agent": bot}, MALFORMED, "'expires_at'"),
        ("sessions.create", dict(new, client=""), MALFORMED, "'client'"),
        ("sessions.create", dict(new, client="c" * 513), LIMIT, "'client'"),
        ("sessions.create", dict(new, client=b"desk"), MALFORMED, "'client'"),
        ("sessions.create", dict(new, evidence=[]), MALFORMED, "'evidence'"),
        ("sessions.create", dict(new, evidence={"a": b"x"}), MALFORMED, "'evidence.a'"),
        ("sessions.create", dict(new, idle_timeout_s=-1), MALFORMED, "'idle_timeout_s'"),
        ("sessions.create", dict(new, grant=dict(terms(), session=session)), UNKNOWN, "'session'"),
        ("sessions.create", dict(new, grant=terms(scope=[])), MALFORMED, "'grant.scope'"),
        ("sessions.create", dict(new, grant=terms(expires_at="2027-01-01T00:00:00Z")), MALFORMED,
         "'grant.expires_"),
        ("sessions.create", dict(new, ttl=5), UNKNOWN, "'ttl'"),
        ("sessions.revoke", {"session": session.lower(), "reason": "x"}, MALFORMED, "'session'"),
        ("sessions.revoke", {"session": grant, "reason": "x"}, MALFORMED, "'session'"),
        ("sessions.revoke", {"session": session}, MALFORMED, "'reason'"),
        ("sessions.revoke", {"session": UNKNOWN_SESSION, "reason": "x"}, "UNKNOWN_RECORD", ""),
        ("sessions.suspend", {"session": UNKNOWN_SESSION, "reason": "x"}, "UNKNOWN_RECORD", ""),
        ("sessions.resume", {"session": UNKNOWN_SESSION, "reason": "x"}, "UNKNOWN_RECORD", ""),
        ("sessions.read", {"session": UNKNOWN_SESSION}, "UNKNOWN_RECORD", ""),
        ("sessions.read", {"session": ""}, MALFORMED, "'session'"),
        ("sessions.list", {}, MALFORMED, "'principal'"),
        ("sessions.list", {"principal": "user:ann", "agent": bot}, MALFORMED, "'agent'"),
        ("sessions.list", {"principal": "user:ann", "cursor": "x"}, "INVALID_CURSOR", ""),
        ("grants.create", dict(root, session=UNKNOWN_SESSION), "UNKNOWN_RECORD", ""),
        ("grants.create", dict(root, uses=0), MALFORMED, "'uses'"),
        ("grants.create", dict(root, max_depth=8), LIMIT, "'max_depth'"),
        ("grants.create", dict(root, scope=VIEW * 65), LIMIT, "'scope'"),
        ("grants.create", dict(root, scope=[{"selector": "*", "actions": ["view"]}]), MALFORMED,
         "scope"),
        ("grants.create", dict(root, scope=[{"selector": "document:d1", "actions": ["*"]}]), MALFORMED,
         "'scope[0].actions[0]'"),
        ("grants.create", dict(root, scope=[{"selector": "nothing:*", "actions": ["view"]}]),
         "UNKNOWN_DEFINITION", ""),
        ("grants.create", dict(root, scope=[{"selector": "document:*", "actions": ["fly"]}]),
         "UNKNOWN_RELATION_OR_PERMISSION", ""),
        ("grants.create", dict(root, constraints=[{"caveat": "unheard"}]), "UNKNOWN_CAVEAT", ""),
        ("grants.create", dict(root, constraints=[{"caveat": "quota"}] * 17), LIMIT, "'constraints'"),
        ("grants.create", dict(root, bind={"method": "m", "digest": "0" * 63}), MALFORMED,
         "'bind.digest'"),
        ("grants.create", dict(root, bind={"digest": HEX}), MALFORMED, "'method'"),
        ("grants.create", dict(root, tools=[{"name": "t", "sha256": HEX}] * 257), LIMIT, "'tools'"),
        ("grants.create", dict(root, purpose="p" * 1025), LIMIT, "'purpose'"),
        ("grants.create", dict(root, approval={"approver": "user:*"}), WILDCARD, "'approval.approver'"),
        ("grants.create", dict(root, approval={}), MALFORMED, "'approver'"),
        ("grants.create", dict(root, approval={"approver": "user:bob"}), "APPROVER_REFUSED", ""),
        ("grants.create", dict(root, approval={"approver": bot}), "APPROVER_REFUSED", ""),
        ("grants.create", dict(root, expires_in_s=100000), LIMIT, ""),
        ("grants.delegate", dict(child, parent=UNKNOWN_GRANT), "UNKNOWN_RECORD", ""),
        ("grants.delegate", dict(child, approval={"approver": "user:ann"}), UNKNOWN, "'approval'"),
        ("grants.delegate", dict(child, delegatee="user:ann"), "DELEGATION_REFUSED", ""),
        ("grants.delegate", dict(child, delegatee=bot), "DELEGATION_REFUSED", ""),
        ("grants.delegate", dict(child, actor=child["delegatee"]), "DELEGATION_REFUSED", ""),
        ("grants.revoke", {"grant": UNKNOWN_GRANT, "reason": "x"}, "UNKNOWN_RECORD", ""),
        ("grants.revoke", {"grant": grant, "reason": "r" * 1025}, LIMIT, "'reason'"),
        ("grants.read", {"grant": UNKNOWN_GRANT}, "UNKNOWN_RECORD", ""),
        ("grants.list", {}, MALFORMED, "'session'"),
        ("agents.kill", {"reason": "x"}, MALFORMED, "'agent'"),
        ("agents.kill", {"agent": bot, "everything": True, "reason": "x"}, MALFORMED, "'everything'"),
        ("agents.kill", {"agent": "agent:*", "reason": "x"}, WILDCARD, "'agent'"),
        ("agents.kill", {"agent": bot}, MALFORMED, "'reason'"),
        ("agents.restore", {"everything": False, "reason": "x"}, MALFORMED, "'everything'"),
        ("agents.stopped", {"limit": 1}, UNKNOWN, "'limit'"),
        ("agents.audit", {"types": "agent"}, MALFORMED, "'types'"),
        ("check", dict(asked, grant=grant + "0"), MALFORMED, "'grant'"),
        ("check", dict(asked, grant=grant.lower()), MALFORMED, "'grant'"),
        ("check", dict(asked, binding={"method": "m", "digest": "x" * 64}), MALFORMED,
         "'binding.digest'"),
        ("check", dict(asked, tool={"name": "t"}), MALFORMED, "'sha256'"),
        ("check", dict(asked, request_id="a b"), MALFORMED, "'request_id'"),
        ("check", dict(asked, idempotency_key="k" * 129), MALFORMED, "'idempotency_key'"),
        ("check", {**asked, "subject": "team:ops#admin"}, MALFORMED, ""),
        ("check", dict(asked, subject="user:*"), None, ""),
        ("check_bulk", {"items": [asked, dict(asked, grant="gr_")]}, MALFORMED, "'items[1].grant'"),
        ("filter_resources", {"resources": [], "permission": "view", "subject": "user:ann"},
         MALFORMED, "'resources'"),
        ("filter_resources", {"resources": ["document:d1", "document:*"], "permission": "view",
                              "subject": "user:ann"}, WILDCARD, "'resources[1]'"),
        ("expand", {"resource": "document:d1", "permission": "view", "grant": grant}, UNKNOWN,
         "'grant'"),
        ("lookup_subjects", {"resource": "document:d1", "permission": "view", "subject_type": "user",
                             "grant": grant}, UNKNOWN, "'grant'"),
        ("lookup_resources", {"resource_type": "document", "permission": "view", "subject": "user:ann",
                              "actor": bot, "grant": grant, "tool": {}}, UNKNOWN, "'tool'"),
    ]
    for name in ("binding", "tool", "idempotency_key"):
        value = {"binding": {"method": "m", "digest": HEX}, "tool": {"name": "t", "sha256": HEX},
                 "idempotency_key": "k"}[name]
        without = {key: asked[key] for key in asked if key != "grant"}
        rows.append(("check", dict(without, **{name: value}), MALFORMED, "'grant'"))
        rows.append(("check_bulk", {"items": [dict(without, **{name: value})]}, MALFORMED, "items[0]"))
    without = {key: asked[key] for key in asked if key != "actor"}
    rows.append(("check", without, MALFORMED, "actor"))
    wrong = []
    before = client.call("server.info")["revision"]
    for method, arguments, reason, word in rows:
        error = client.fail(method, **arguments)
        if (reason is not None and error["reason"] != reason) or word not in error["message"]:
            wrong.append((method, arguments, reason, word, error))
    assert not wrong, "\n".join(map(repr, wrong))
    assert client.call("server.info")["revision"] == before, "something was written"
    allowed(client, bot, grant)


@case
def parties_that_cannot_delegate(client, server):
    for parties in (dict(principal="user:ann", agent="user:bob"), dict(principal=fresh(), agent=fresh())):
        client.refused("DELEGATION_REFUSED", "sessions.create", expires_in_s=60, **parties)
    client.refused("EXCEEDS_MAXIMUM_ALLOWABLE_LIMIT", "sessions.create", principal="user:ann",
                   agent=fresh(), expires_in_s=24 * 3600 + 60)
    error = client.fail("sessions.create", principal="user:ann", agent=fresh(),
                        expires_at="2001-01-01T00:00:00Z")
    assert error["code"] == "INVALID_ARGUMENT", error


@case
def a_team_is_spoken_for_by_its_admins(client, server):
    bot = fresh()
    made = client.call("sessions.create", principal="team:ops", agent=bot, expires_in_s=60)
    create = dict(terms(), session=made["session"], expires_in_s=30)
    client.refused("APPROVER_REFUSED", "grants.create", **dict(create, approval={"approver": "user:ann"}))
    grant = client.call("grants.create", **dict(create, approval={"approver": "user:carol"}))["grant"]
    allowed(client, bot, grant, subject="team:ops", resource="document:d4")
    denied(client, "principal_denied", bot, grant, subject="team:ops", resource="document:d1")
    # In one call with the session, too.
    _, both = consent(client, bot, "team:ops", approval={"approver": "user:carol"})
    allowed(client, bot, both, subject="team:ops", resource="document:d4")
    client.refused("APPROVER_REFUSED", "sessions.create", principal="team:ops", agent=bot,
                   expires_in_s=60, grant=terms(expires_in_s=30))


@case
def a_repeated_write_makes_nothing_twice(client, server):
    bot = fresh()
    once = dict(principal="user:ann", agent=bot, expires_in_s=60, grant=terms(expires_in_s=30),
                idempotency_key=fresh(), metadata={"ticket": 5})
    first = client.call("sessions.create", **once)
    assert client.call("sessions.create", **once) == first
    assert client.call("sessions.create", deadline_ms=5000, **once) == first
    client.refused("IDEMPOTENCY_KEY_REUSED", "sessions.create", **dict(once, expires_in_s=61))
    assert len(client.call("sessions.list", agent=bot)["sessions"]) == 1
    child = dict(terms(), session=first["session"], expires_in_s=30, idempotency_key=fresh())
    assert client.call("grants.create", **child) == client.call("grants.create", **child)
    assert len(client.call("grants.list", agent=bot)["grants"]) == 2
    client.refused("TRANSACTION_METADATA_TOO_LARGE", "sessions.create", principal="user:ann", agent=bot,
                   expires_in_s=60, metadata={"a": "m" * 5000})


# ---- Decisions --------------------------------------------------------------------------------


@case
def every_reason_that_a_client_can_see(client, server):
    bot, other = fresh(), fresh()
    session, grant = consent(client, bot)
    allowed(client, bot, grant)
    denied(client, "no_grant", bot, UNKNOWN_GRANT)
    denied(client, "actor_mismatch", other, grant)
    denied(client, "act_chain_mismatch", [other, bot], grant)
    denied(client, "principal_mismatch", bot, grant, subject="user:bob")
    denied(client, "scope_excluded", bot, grant, resource="vault:open")
    denied(client, "principal_denied", bot, grant, resource="document:d3")
    later = client.call("grants.create", session=session, **terms(
        not_before=stamp(300)))["grant"]
    denied(client, "grant_not_yet_valid", bot, later)
    bound = client.call("grants.create", session=session, **terms(
        bind={"method": "POST /mail", "digest": HEX}))["grant"]
    denied(client, "binding_mismatch", bot, bound)
    denied(client, "binding_mismatch", bot, bound, binding={"method": "POST /mail", "digest": OTHER_HEX})
    denied(client, "binding_mismatch", bot, bound, binding={"method": "GET /mail", "digest": HEX})
    allowed(client, bot, bound, binding={"method": "POST /mail", "digest": HEX.upper()})
    tooled = client.call("grants.create", session=session, **terms(
        tools=[{"name": "mail", "sha256": HEX}, {"name": "file", "sha256": OTHER_HEX}]))["grant"]
    denied(client, "tool_changed", bot, tooled)
    denied(client, "tool_changed", bot, tooled, tool={"name": "mail", "sha256": OTHER_HEX})
    allowed(client, bot, tooled, tool={"name": "file", "sha256": OTHER_HEX})
    limited = client.call("grants.create", session=session, **terms(
        constraints=[{"caveat": "quota", "context": {"most": 5}}]))["grant"]
    denied(client, "constraint_failed", bot, limited, context={"amount": 6, "most": 100})
    allowed(client, bot, limited, context={"amount": 5})
    answer = client.call("check", **question(bot, limited))
    assert answer["decision"] == "conditional" and answer["missing"] == ["amount"], answer
    assert answer["reason"] == "missing_context", answer
    vaults = [{"selector": "vault:*", "actions": ["view"]}]
    _, cleared = consent(client, "agent:bot", scope=vaults)
    allowed(client, "agent:bot", cleared, resource="vault:open")
    denied(client, "agent_ceiling", "agent:bot", cleared, resource="vault:shut")
    counted = client.call("grants.create", session=session, **terms(uses=1))["grant"]
    allowed(client, bot, counted)
    denied(client, "uses_exhausted", bot, counted)
    client.call("sessions.suspend", session=session, reason="risk")
    denied(client, "session_suspended", bot, grant)
    client.call("sessions.resume", session=session, reason="step-up")
    allowed(client, bot, grant)
    client.call("grants.revoke", grant=grant, reason="done")
    client.call("grants.revoke", grant=grant, reason="again")
    denied(client, "grant_revoked", bot, grant)
    client.call("sessions.revoke", session=session, reason="logout")
    client.call("sessions.revoke", session=session, reason="again")
    denied(client, "session_revoked", bot, grant)
    refuses(client, "RECORD_NOT_ACTIVE", "sessions.resume", session=session, reason="no")
    client.refused("RECORD_NOT_ACTIVE", "grants.create", session=session, **terms())


def stamp(seconds):
    """A time so many seconds from now."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds))


@case
def ends_come_by_the_servers_clock(client, server):
    bot = fresh()
    _, grant = consent(client, bot, expires_in_s=1)
    until_denied(client, "grant_expired", bot, grant)
    session, grant = consent(client, bot, session={"expires_in_s": 1}, expires_in_s=1)
    until_denied(client, "session_expired", bot, grant)
    assert client.call("sessions.read", session=session)["state"] == "session_expired"
    session, grant = consent(client, bot, session={"idle_timeout_s": 1})
    give_up = time.monotonic() + PATIENCE
    while client.call("grants.read", grant=grant)["state"] == "active":
        assert time.monotonic() < give_up
    denied(client, "session_idle", bot, grant)
    refuses(client, "RECORD_NOT_ACTIVE", "sessions.resume", session=session, reason="late")


@case
def a_kill_ends_what_was_granted_and_restore_does_not_revive_it(client, server):
    for scope, word in (("agent", "agent"), ("client", "client"), ("principal", "principal")):
        bot, who, desk = fresh(), fresh("user"), fresh("client")
        client.call("relationships.write", updates=[
            {"op": "touch", "relationship": "document:d1#viewer@" + who}])
        stop = {scope: {"agent": bot, "client": desk, "principal": who}[scope]}
        mine = dict(principal=who, session={"client": desk}, approval={"approver": who})
        _, grant = consent(client, bot, **mine)
        allowed(client, bot, grant, subject=who)
        client.call("agents.kill", reason="incident", **stop)
        client.call("agents.kill", reason="again", **stop)
        denied(client, "agent_stopped", bot, grant, subject=who)
        client.refused("AGENT_STOPPED", "sessions.create", principal=who, agent=bot, client=desk,
                       expires_in_s=60)
        listed = [one for one in client.call("agents.stopped")["stops"] if stop.items() <= one.items()]
        assert len(listed) == 1 and listed[0]["scope"] == word, listed
        assert listed[0]["in_force"] is True and listed[0]["reason"] == "again", listed
        assert listed[0]["epoch"] > 0 and moment(listed[0]["at"]), listed
        client.call("agents.restore", reason="over", **stop)
        denied(client, "agent_stopped", bot, grant, subject=who)
        _, again = consent(client, bot, **mine)
        allowed(client, bot, again, subject=who)
    refuses(client, "DELEGATION_REFUSED", "agents.kill", agent="user:ann", reason="x")


@case
def standing_delegation_is_stopped_too(client, server):
    ask = dict(resource="document:d1", permission="view", subject="user:ann", actor="standing:bot")
    answer = client.call("check", **ask)
    assert answer["decision"] == "allow" and answer["decision_id"].startswith("dec_"), answer
    denial = client.call("check", **dict(ask, resource="document:d3"))
    assert (denial["decision"], denial["reason"]) == ("deny", "principal_denied"), denial
    denial = client.call("check", **dict(ask, actor=fresh("standing")))
    assert (denial["decision"], denial["reason"]) == ("deny", "no_grant"), denial
    denial = client.call("check", **dict(ask, resource="vault:open"))
    assert (denial["decision"], denial["reason"]) == ("deny", "agent_ceiling"), denial
    client.call("agents.kill", agent="standing:bot", reason="incident")
    denial = client.call("check", **ask)
    assert (denial["decision"], denial["reason"]) == ("deny", "agent_stopped"), denial
    listed = client.call("lookup_resources", resource_type="document", permission="view",
                         subject="user:ann", actor="standing:bot")
    assert listed["resources"] == [] and listed["complete"] and listed["reason"] == "agent_stopped"
    client.call("agents.restore", agent="standing:bot", reason="over")
    assert client.call("check", **ask)["decision"] == "allow"
    assert "decision_id" not in client.call("check", resource="document:d1", permission="view",
                                            subject="user:ann")


@case
def many_at_once_say_what_single_checks_say(client, server):
    bot = fresh()
    session, grant = consent(client, bot, scope=[
        {"selector": "document:*#within@folder:f", "actions": ["view"]},
        {"selector": "document:d1", "actions": ["view"]},
        {"selector": "document:d3", "actions": ["view"]}])
    asked = ["document:d%d" % n for n in (4, 2, 1, 3, 1)]
    bulk = client.call("check_bulk", items=[question(bot, grant, resource=one) for one in asked])
    single = [delegated(client, bot, grant, resource=one) for one in asked]
    assert [(one["decision"], one.get("reason")) for one in bulk["results"]] == single, (bulk, single)
    assert all(one["decision_id"].startswith("dec_") for one in bulk["results"]), bulk
    assert len({one["decision_id"] for one in bulk["results"]}) in (1, len(asked)), bulk
    filtered = client.call("filter_resources", resources=asked, permission="view",
                           subject="user:ann", actor=bot, grant=grant, request_id="r-1")
    assert filtered["resources"] == ["document:d2", "document:d1", "document:d1"], filtered
    assert filtered["conditional"] == filtered["undecided"] == [], filtered
    assert filtered["decision_id"].startswith("dec_") and "reason" not in filtered, filtered
    listed = client.call("lookup_resources", resource_type="document", permission="view",
                         subject="user:ann", actor=bot, grant=grant, request_id="r-2")
    assert sorted(one["id"] for one in listed["resources"]) == ["d1", "d2"], listed
    page = client.call("lookup_resources", resource_type="document", permission="view",
                       subject="user:ann", actor=bot, grant=grant, limit=1)
    assert len(page["resources"]) == 1 and page["cursor"], page
    client.refused("INVALID_CURSOR", "lookup_resources", resource_type="document", permission="view",
                   subject="user:ann", cursor=page["cursor"])
    permissions = client.call("lookup_permissions", resource="document:d2", subject="user:ann",
                              actor=bot, grant=grant)
    assert {one["permission"]: one["decision"] for one in permissions["permissions"]} == {
        "within": "deny", "view": "allow", "edit": "deny", "delete": "deny"}, permissions
    counted = client.call("grants.create", session=session, **terms(uses=1))["grant"]
    item = client.call("check_bulk", items=[question(bot, counted)])["results"][0]
    assert (item["decision"], item["reason"]) == ("deny", "single_check_required"), item
    filtered = client.call("filter_resources", resources=asked, permission="view", subject="user:ann",
                           actor=bot, grant=counted)
    assert filtered["resources"] == [] and filtered["reason"] == "single_check_required", filtered
    assert client.call("grants.read", grant=counted)["uses_left"] == 1
    client.call("grants.revoke", grant=grant, reason="done")
    listed = client.call("lookup_resources", resource_type="document", permission="view",
                         subject="user:ann", actor=bot, grant=grant, cursor=page["cursor"])
    assert listed["resources"] == [] and listed["complete"] is True, listed
    assert listed["reason"] == "grant_revoked" and listed["cursor"] is None, listed
    permissions = client.call("lookup_permissions", resource="document:d2", subject="user:ann",
                              actor=bot, grant=grant)
    assert permissions["permissions"] == [] and permissions["reason"] == "grant_revoked", permissions


@case
def filter_says_what_hangs_on_context_and_what_is_undecided(client, server):
    bot = fresh()
    _, grant = consent(client, bot, constraints=[{"caveat": "quota", "context": {"most": 5}}])
    found = client.call("filter_resources", resources=["document:d3", "document:d1", "nothing:x"],
                        permission="view", subject="user:ann", actor=bot, grant=grant)
    assert found["conditional"] == [{"index": 1, "missing": ["amount"]}], found
    assert found["resources"] == [], found
    found = client.call("filter_resources", resources=["document:d1", "nothing:x"], permission="view",
                        subject="user:ann")
    assert found["resources"] == ["document:d1"] and "decision_id" not in found, found
    assert [(one["index"], one["error"]["reason"]) for one in found["undecided"]] == [
        (1, "UNKNOWN_DEFINITION")], found


@case
def records_are_read_at_the_newest_revision(client, server):
    bot = fresh()
    _, grant = consent(client, bot)
    token = client.call("check", **question(bot, grant))["checked_at"]
    exact = {"mode": "at_exact_snapshot", "token": token}
    client.refused("MALFORMED_REQUEST", "check", **question(bot, grant, consistency=exact))
    client.refused("MALFORMED_REQUEST", "check_bulk", consistency=exact, items=[
        {"resource": "document:d1", "permission": "view", "subject": "user:ann"}, question(bot, grant)])
    client.call("grants.revoke", grant=grant, reason="done")
    for mode in ({"mode": "minimize_latency"}, {"mode": "at_least_as_fresh", "token": token}):
        denied(client, "grant_revoked", bot, grant, consistency=mode)


@case
def a_trace_has_every_condition(client, server):
    bot = fresh()
    _, grant = consent(client, bot)
    answer = client.call("check", **question(bot, grant, explain=True))
    root = answer["trace"]
    assert root["kind"] == "intersection" and root["decision"] == "allow", root
    found = [one["id"] for one in root["children"]]
    assert found == ["D2", "D9", "D6", "D7", "D4", "D5", "D10a", "D3", "D8", "D1", "D10b"], found
    assert all(one["kind"] == "condition" and one["message"] for one in root["children"]), root
    answer = client.call("check", **question(bot, grant, permission="edit", explain=True))
    wrong = [one for one in answer["trace"]["children"] if one["decision"] == "deny"]
    assert ("D3", "scope_excluded") in [(one["id"], one.get("reason")) for one in wrong], wrong


@case
def what_stands_without_a_grant_is_found(client, server):
    client.call("relationships.write", updates=[
        {"op": "touch", "relationship": "vault:a#cleared@agent:bot"}])
    found = client.call("agents.audit")
    assert found["complete"] is True and found["audited_at"], found
    kinds = {(one["kind"], one["agent"]) for one in found["findings"]}
    assert ("standing_delegation", "standing:bot") in kinds, found
    for one in found["findings"]:
        if one["kind"] == "standing_delegation":
            assert set(one) == {"kind", "agent", "principal"}, one
        else:
            assert set(one) == {"kind", "agent", "resource_type", "permission", "example"}, one
    assert client.call("agents.audit", types=["agent"])["complete"] is True
    client.refused("UNKNOWN_DEFINITION", "agents.audit", types=["nothing"])


# ---- Revocation -------------------------------------------------------------------------------


class Asker(threading.Thread):
    """Asks without a pause. Each answer is kept with the moment at which its request was sent."""

    def __init__(self, server, ask):
        super().__init__()
        self.client, self.ask = server.connect(), ask
        self.answers, self.stopped = [], False

    def run(self):
        while not self.stopped:
            sent = time.monotonic()
            self.answers.append((sent, self.client.call("check", **self.ask)))
        self.client.close()


@case
def every_check_sent_after_a_revocation_denies(client, server):
    for number in range(12):
        bot = fresh()
        session, grant = consent(client, bot)
        ends = [("sessions.suspend", dict(session=session)), ("sessions.revoke", dict(session=session)),
                ("grants.revoke", dict(grant=grant)), ("agents.kill", dict(agent=bot))]
        method, what = ends[number % len(ends)]
        askers = [Asker(server, question(bot, grant)) for _ in range(4)]
        for asker in askers:
            asker.start()
        while any(len(asker.answers) < 20 for asker in askers):
            assert all(asker.is_alive() for asker in askers)
        client.call(method, reason="now", **what)
        answered = time.monotonic()
        counts = [len(asker.answers) for asker in askers]
        while any(len(asker.answers) < count + 20 for asker, count in zip(askers, counts)):
            assert all(asker.is_alive() for asker in askers)
        for asker in askers:
            asker.stopped = True
            asker.join(PATIENCE)
        answers = [one for asker in askers for one in asker.answers]
        late = [one for sent, one in answers if sent > answered]
        assert len(late) >= 40 and all(one["decision"] == "deny" for one in late), (method, late[:3])
        assert any(one["decision"] == "allow" for sent, one in answers), method


# ---- Uses -------------------------------------------------------------------------------------

USES, CLIENTS = 40, 64


def run_all(functions):
    """Each on a thread; the first failure is told."""
    problems = []

    def guarded(function):
        try:
            function()
        except BaseException as problem:
            problems.append(problem)
    threads = [threading.Thread(target=guarded, args=(function,)) for function in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE * 3)
    if problems:
        raise problems[0]
    assert not any(thread.is_alive() for thread in threads), "a client never ended"


@case
def uses_that_lose_replies_are_never_more(client, server):
    bot = fresh()
    _, grant = consent(client, bot, uses=USES)
    allows, lost = [], []

    def ask(number):
        chance = random.Random(SEED + number)
        for _ in range(3):
            mine = server.connect()
            mine.send("check", **question(bot, grant))
            if chance.random() < 0.4:
                lost.append(mine)  # its reply is never read
            else:
                message = mine.reply()
                assert message[2] is None, message
                if message[3]["decision"] == "allow":
                    allows.append(message[3]["decision_id"])
                else:
                    assert message[3]["reason"] == "uses_exhausted", message
            mine.close()
    run_all([lambda number=number: ask(number) for number in range(CLIENTS)])
    assert lost and len(set(allows)) == len(allows) <= USES, (len(allows), len(lost))
    assert len(allows) + len(lost) >= USES
    give_up = time.monotonic() + PATIENCE
    while client.call("grants.read", grant=grant)["uses_left"] > 0:
        # What was asked by who left at once need not have begun.
        if delegated(client, bot, grant)[0] == "allow":
            allows.append(None)
        assert time.monotonic() < give_up
    assert len(allows) <= USES, allows
    denied(client, "uses_exhausted", bot, grant)


@case
def uses_with_keys_are_taken_exactly(client, server):
    bot = fresh()
    _, grant = consent(client, bot, uses=USES)
    decisions = {}

    def ask(number):
        chance = random.Random(SEED + 1000 + number)
        key = "call-%d" % number
        while True:
            mine = server.connect()
            mine.send("check", **question(bot, grant, idempotency_key=key))
            if chance.random() < 0.6:
                mine.close()  # and once more, with the same key
                continue
            message = mine.reply()
            mine.close()
            assert message[2] is None, message
            decisions[key] = message[3]["decision"]
            return
    run_all([lambda number=number: ask(number) for number in range(CLIENTS)])
    assert len(decisions) == CLIENTS
    allows = [key for key in decisions if decisions[key] == "allow"]
    assert len(allows) == USES, len(allows)
    assert client.call("grants.read", grant=grant)["uses_left"] == 0
    # The same call again is the same use; other bytes are another call.
    allowed(client, bot, grant, idempotency_key=allows[0])
    allowed(client, bot, grant, idempotency_key=allows[0], deadline_ms=3000)
    client.refused("IDEMPOTENCY_KEY_REUSED", "check", **question(
        bot, grant, idempotency_key=allows[0], resource="document:d2"))
    denied(client, "uses_exhausted", bot, grant, idempotency_key="never-seen")
    # All else is decided anew.
    client.call("grants.revoke", grant=grant, reason="done")
    denied(client, "grant_revoked", bot, grant, idempotency_key=allows[0])


@case
def uses_that_cannot_be_taken_in_time_are_errors(client, server):
    bot, asked = fresh(), 400
    _, grant = consent(client, bot, uses=asked)
    mine = server.connect()
    sent = {mine.send("check", **question(bot, grant, deadline_ms=1 + number % 4))
            for number in range(asked)}
    outcomes = {}
    for _ in range(asked):
        message = mine.reply()
        sent.remove(message[1])  # one reply each
        word = message[3]["decision"] if message[2] is None else message[2]["reason"]
        outcomes[word] = outcomes.get(word, 0) + 1
    assert not sent and set(outcomes) <= {"allow", "DEADLINE", "OVERLOADED"}, outcomes
    taken = asked - client.call("grants.read", grant=grant)["uses_left"]
    assert outcomes.get("allow", 0) <= taken <= asked, (outcomes, taken)
    mine.close()


@case
def a_chain_takes_a_use_of_each_or_none(client, server):
    bot, helper = fresh(), fresh()
    _, root = consent(client, bot, uses=3, max_depth=1)
    child = client.call("grants.delegate", parent=root, actor=bot, delegatee=helper, scope=VIEW,
                        uses=2)["grant"]

    def left():
        return [client.call("grants.read", grant=one)["uses_left"] for one in (root, child)]
    allowed(client, helper, child)
    assert left() == [2, 1]
    denied(client, "principal_denied", helper, child, resource="document:d3")
    assert left() == [2, 1], "a deny takes none"
    allowed(client, helper, child)
    assert left() == [1, 0]
    denied(client, "uses_exhausted", helper, child)
    assert left() == [1, 0]
    allowed(client, bot, root)
    denied(client, "uses_exhausted", bot, root)


# ---- Restarts and kills -----------------------------------------------------------------------


@case
def a_restart_keeps_records(client, server):
    scratch = tempfile.mkdtemp(prefix="behalf-agents.")
    data = os.path.join(scratch, "data")
    own = Server(data)
    mine = own.connect()
    fill(mine)
    bot, other = fresh(), fresh()
    session, grant = consent(mine, bot, uses=3, max_depth=1)
    child = mine.call("grants.delegate", parent=grant, actor=bot, delegatee=other, scope=VIEW)["grant"]
    _, revoked = consent(mine, bot)
    _, stopped = consent(mine, "agent:stopped")
    mine.call("grants.revoke", grant=revoked, reason="done")
    mine.call("agents.kill", agent="agent:stopped", reason="incident")
    allowed(mine, other, child)
    before = {name: mine.call("grants.read", grant=name) for name in (grant, child, revoked, stopped)}
    assert own.stop() == 0
    own = Server(data)
    mine = own.connect()
    for name, read in before.items():
        again = mine.call("grants.read", grant=name)
        for both in (read, again):
            del both["read_at"]
        assert again == read, (again, read)
    allowed(mine, other, child)
    allowed(mine, bot, grant)
    denied(mine, "uses_exhausted", bot, grant)
    denied(mine, "grant_revoked", bot, revoked)
    denied(mine, "agent_stopped", "agent:stopped", stopped)
    assert [one["agent"] for one in mine.call("agents.stopped")["stops"] if one["scope"] == "agent"] \
        == ["agent:stopped"]
    assert own.stop() == 0
    shutil.rmtree(scratch)


class Spender(threading.Thread):
    """Asks by one grant with uses until the server is gone."""

    def __init__(self, server, agent, grant):
        super().__init__()
        self.client, self.ask = server.connect(), question(agent, grant)
        self.grant, self.sent, self.allows = grant, 0, 0

    def run(self):
        try:
            while True:
                self.sent += 1
                self.client.send("check", **self.ask)
                message = self.client.reply()
                if message is None:
                    return
                if message[2] is None and message[3]["decision"] == "allow":
                    self.allows += 1
        except OSError:
            return


class Revoker(threading.Thread):
    """Revokes one grant after another until the server is gone."""

    def __init__(self, server, grants):
        super().__init__()
        self.client, self.grants = server.connect(), grants
        self.sent, self.acknowledged = set(), set()

    def run(self):
        try:
            for grant in self.grants:
                self.sent.add(grant)
                self.client.send("grants.revoke", grant=grant, reason="done")
                message = self.client.reply()
                if message is None:
                    return
                assert message[2] is None, message
                self.acknowledged.add(grant)
        except OSError:
            return


def crash_once(data, chance):
    """How many uses and revocations were acknowledged before the kill."""
    own = Server(data)
    mine = own.connect()
    mine.call("schema.write", text=SCHEMA)
    fill(mine)
    bot, many = fresh(), 100000
    session, first = consent(mine, bot, uses=many)
    spent = [first] + [mine.call("grants.create", session=session, **terms(uses=many))["grant"]
                       for _ in range(3)]
    ended = [mine.call("grants.create", session=session, **terms())["grant"] for _ in range(300)]
    spenders = [Spender(own, bot, grant) for grant in spent]
    revokers = [Revoker(own, ended[part::2]) for part in range(2)]
    for thread in spenders + revokers:
        thread.start()
    time.sleep(chance.uniform(0, 0.3))  # when the kill comes is what is drawn
    own.process.send_signal(signal.SIGKILL)
    own.process.wait(PATIENCE)
    for thread in spenders + revokers:
        thread.join(PATIENCE)
    own = Server(data)
    mine = own.connect()
    for spender in spenders:
        taken = many - mine.call("grants.read", grant=spender.grant)["uses_left"]
        assert spender.allows <= taken <= spender.sent, (SEED, spender.allows, taken, spender.sent)
    sent = set().union(*(revoker.sent for revoker in revokers))
    acknowledged = set().union(*(revoker.acknowledged for revoker in revokers))
    for grant in ended:
        decision, reason = delegated(mine, bot, grant)
        if grant in acknowledged:
            assert (decision, reason) == ("deny", "grant_revoked"), (SEED, decision, reason)
        elif grant not in sent:
            assert decision == "allow", (SEED, decision, reason)
        else:
            assert (decision, reason) in (("allow", None), ("deny", "grant_revoked")), (SEED, reason)
    assert own.stop() == 0
    return sum(spender.allows for spender in spenders), len(acknowledged)


@case
def a_kill_between_the_steps_of_a_use_and_of_a_revocation(client, server):
    scratch = tempfile.mkdtemp(prefix="behalf-agents.")
    chance = random.Random(SEED)
    uses = revoked = 0
    for number in range(CRASHES):
        more = crash_once(os.path.join(scratch, "data%d" % (number % 2)), chance)
        uses, revoked = uses + more[0], revoked + more[1]
    print("         seed %d: %d crashes, %d uses and %d revocations acknowledged and kept" %
          (SEED, CRASHES, uses, revoked))
    shutil.rmtree(scratch)


# ---- All --------------------------------------------------------------------------------------


def fill(client):
    client.call("schema.write", text=SCHEMA)
    client.call("relationships.write", updates=[
        {"op": "touch", "relationship": text} for text in DATA])


def main():
    scratch = tempfile.mkdtemp(prefix="behalf-agents.")
    server = Server(os.path.join(scratch, "data"), "--loops", "2")
    fill(server.connect())
    failed, only = 0, sys.argv[1:]
    for function in CASES:
        if only and function.__name__ not in only:
            continue
        client, running = server.connect(), mark()
        try:
            function(client, server)
            print("ok      ", function.__name__, flush=True)
        except Exception as problem:  # every case is told, then the whole fails
            failed += 1
            print("FAILED  ", function.__name__, repr(problem)[:2000], flush=True)
            if server.process.poll() is not None:
                print("behalfd ended with", server.process.returncode)
                return 1
        end_since(running)
        client.close()
    code = server.stop()
    if code != 0:
        print("FAILED   behalfd ended with", code)
        failed += 1
    shutil.rmtree(scratch)
    print("agents.py: %d cases, %d failed" % (len(CASES), failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
