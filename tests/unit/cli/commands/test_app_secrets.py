"""`app rotate-secret`."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from fakes.cart import HOST, KEY, ScriptedCart
from fakes.world import APP, NAME
from tokensync.domain.secret import Secret

NEW = "canary-new-secret"
OLD = "e59af819cc"
ROTATE = ("app", "rotate-secret", APP, "--client-secret-stdin")


def secrets(desk: Any) -> tuple[str, str | None]:
    """Return the current secret and the new one beside it."""
    app = desk.world.apps.get(APP)
    return app.client_secret.reveal(), app.new_client_secret.reveal() if app.new_client_secret else None


def refuse(desk: Any) -> None:
    """Let the provider refuse the app's credentials once."""
    told = {"code": 36009004, "message": "invalid client_key"}
    desk.world.shop.script.append(lambda honest: desk.world.shop.answer(told))  # noqa: ARG005


def test_a_proven_secret_replaces_the_old(desk: Any) -> None:
    """One connection is refreshed under it, and then it alone is stored."""
    desk.world.connected()

    told = desk.json(*ROTATE, stdin=f"{NEW}\n")

    assert {"app": APP, "rotated": True, "proven_by": str(NAME), "resumed": False} == told
    assert (NEW, None) == secrets(desk)
    assert ["R0"] == desk.world.shop.ledger


def test_it_is_asked_for_and_never_shown(desk: Any) -> None:
    """Hidden on a terminal, and in no output."""
    desk.world.connected()
    desk.is_interactive = True

    result = desk.run("app", "rotate-secret", APP, stdin=f"{NEW}\n")

    assert 0 == result.exit_code
    assert NEW not in result.output
    assert f"proven by {NAME}" in result.stdout
    assert (NEW, None) == secrets(desk)


def test_a_refused_secret_is_forgotten(desk: Any) -> None:
    """The old one is kept, nothing is paused, and the connection is as it was."""
    desk.world.connected()
    refuse(desk)

    code, error = desk.error(*ROTATE, stdin=NEW)

    assert (1, "secret_refused") == (code, error["class"])
    assert (OLD, None) == secrets(desk)
    assert "" == desk.world.apps.state(APP).paused
    assert 0 == desk.run("refresh", str(NAME)).exit_code


def test_a_refused_secret_may_be_kept(desk: Any) -> None:
    """A provider may take minutes to know it: the same command tries it again, without asking for it."""
    desk.world.connected()
    refuse(desk)

    assert 1 == desk.error(*ROTATE, "--keep", stdin=NEW)[0]
    assert (OLD, NEW) == secrets(desk)
    assert "stored, not proven yet" == desk.json("app", "show", APP)["new_client_secret"]

    result = desk.run("app", "rotate-secret", APP)
    assert 0 == result.exit_code
    assert "is stored already" in result.stderr
    assert (NEW, None) == secrets(desk)


def test_interrupted_both_stand(desk: Any) -> None:
    """Whatever ends the command before the proof, the same command goes on."""
    desk.world.connected()
    desk.functions.script.append(KeyboardInterrupt())

    assert 130 == desk.run(*ROTATE, stdin=NEW).exit_code
    assert (OLD, NEW) == secrets(desk)
    assert 0 == desk.run("app", "rotate-secret", APP).exit_code
    assert (NEW, None) == secrets(desk)


def test_no_connection_to_prove_it_with(desk: Any) -> None:
    """Both are kept, and the operator decides."""
    code, error = desk.error(*ROTATE, stdin=NEW)

    assert (1, "NoConnection", f"tokensync app rotate-secret {APP} --finish") == (code, error["class"], error["next"])
    assert "--abort" in error["message"]
    assert (OLD, NEW) == secrets(desk)

    assert desk.json("app", "rotate-secret", APP, "--finish")["rotated"]
    assert (NEW, None) == secrets(desk)


def test_abort_forgets_the_new_one(desk: Any) -> None:
    """The old one alone is stored again."""
    desk.run(*ROTATE, stdin=NEW)

    assert not desk.json("app", "rotate-secret", APP, "--abort")["rotated"]
    assert (OLD, None) == secrets(desk)


def test_without_proof(desk: Any) -> None:
    """At once, and nothing is called."""
    told = desk.json(*ROTATE, "--without-proof", stdin=NEW)

    assert (True, None) == (told["rotated"], told["proven_by"])
    assert (NEW, None) == secrets(desk)
    assert [] == desk.functions.asked


def test_nothing_learned_keeps_both(desk: Any) -> None:
    """The same command goes on later."""
    desk.world.connected()
    told = {"code": 36009002, "message": "rate limit"}
    desk.world.shop.script.append(lambda honest: desk.world.shop.answer(told))  # noqa: ARG005

    code, error = desk.error(*ROTATE, stdin=NEW)

    assert (5, "not_proven", f"tokensync app rotate-secret {APP}") == (code, error["class"], error["next"])
    assert (OLD, NEW) == secrets(desk)


def test_an_app_whose_old_secret_died_runs_again(desk: Any) -> None:
    """The provider ended the old secret at once: the proof is made under the pause, and lifts it."""
    desk.world.connected()
    refuse(desk)
    desk.world.on_demand.refresh(NAME, desk.world.budget())
    assert desk.world.apps.state(APP).paused

    assert desk.json(*ROTATE, stdin=NEW)["resumed"]
    assert "" == desk.world.apps.state(APP).paused


def test_an_operators_pause_stands(desk: Any) -> None:
    """Who paused it for another reason resumes it."""
    desk.world.connected()
    desk.run("app", "pause", APP)

    result = desk.run(*ROTATE, stdin=NEW)

    assert desk.world.apps.state(APP).paused
    assert f"tokensync app resume {APP}" in result.stderr


def test_somebody_else_changed_it_meanwhile(desk: Any) -> None:
    """What was not proven never replaces anything."""
    desk.world.connected()
    changed = replace(desk.world.app, new_client_secret=Secret("another"))

    def meanwhile(honest: Any) -> Any:
        desk.world.apps.update(changed)
        return honest()

    desk.world.shop.script.append(meanwhile)

    assert "Changed" == desk.error(*ROTATE, stdin=NEW)[1]["class"]
    assert (OLD, "another") == secrets(desk)


def test_the_consumer_gets_the_new_secret(desk: Any) -> None:
    """An app that pushes hands every connection over anew."""
    cart = ScriptedCart(desk.world.clock)
    desk.world.shop.others[HOST] = cart
    app = replace(desk.world.app, settings={"push": "api2cart"}, api2cart_key=Secret(KEY))
    desk.world.apps.update(app)
    desk.world.connected()

    desk.run(*ROTATE, stdin=NEW)

    assert NEW == cart.stores["store-1"]["tiktokshop_app_secret"]
    assert NEW not in json.dumps(desk.functions.asked)


def test_the_functions_are_told_no_secret(desk: Any) -> None:
    """They read it from where it is; the connection that proves it may be named."""
    desk.world.connected()
    desk.run(*ROTATE, stdin=NEW)
    desk.run(*ROTATE, "--connection", str(NAME), stdin=f"{NEW}2")

    assert [
        {"tokensync": "prove", "app": APP},
        {"tokensync": "prove", "app": APP, "connection": str(NAME)},
    ] == desk.functions.asked
