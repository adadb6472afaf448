"""Takes one call to a provider through the ledger and the script of faults."""

from typing import ClassVar

from starlette.requests import Request
from starlette.responses import Response

from tokensync_cli.sandbox.faults.mangle import mangle
from tokensync_cli.sandbox.faults.script import Fault
from tokensync_cli.sandbox.faults.wire import Cut, Drip
from tokensync_cli.sandbox.ledger import Kind
from tokensync_cli.sandbox.responses import Call, Produce, ProviderResponse, Refusal, Refuse, respond
from tokensync_cli.sandbox.state import Sandbox


class _Page:
    """The line of the ledger that belongs to a call, if it presented anything."""

    def __init__(self, sandbox: Sandbox, call: Call) -> None:
        self._sandbox = sandbox
        self._seq = None
        if call.kind is not None:
            self._seq = sandbox.ledger.arrive(
                at=sandbox.clock.now(),
                provider=call.provider,
                app=call.app,
                kind=call.kind,
                credential=call.credential,
                account=call.account,
            )

    def settle(self, response: ProviderResponse | None, fault: Fault | None = None) -> None:
        outcome = "issued" if response and response.committed else "refused"
        if self._seq is not None:
            self._sandbox.ledger.settle(
                self._seq,
                f"fault:{fault.fault}" if fault else outcome,
                committed=bool(response and response.committed),
                error=response.error if response else None,
                issued=response.issued if response else None,
            )
        self._sandbox.changed()


class Endpoints:
    """Endpoints of one vendor, over one sandbox."""

    provider: ClassVar[str]

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox

    def call(self, endpoint: str, app: str, credential: str = "", kind: Kind | None = None) -> Call:
        """Count a request and return it as a call: `kind` is what it presents, None if the ledger keeps nothing.

        What a vendor refuses before it looks at the credential is counted all the same.
        """
        self.sandbox.ledger.count(self.provider, endpoint)
        owner = self.sandbox.grants.owner(credential, self.provider)
        return Call(
            provider=self.provider,
            endpoint=endpoint,
            app=app,
            account=owner.account if owner else None,
            kind=kind if credential else None,
            credential=credential,
        )


def bearer(request: Request) -> str:
    """Return the token of an `Authorization: Bearer` header, empty if there is none (RFC 6750 section 2.1)."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


async def serve(sandbox: Sandbox, call: Call, work: Produce, refuse: Refuse) -> Response:
    """Serve a call: record that it came, apply the fault scripted for it if there is one, record the outcome.

    A `Refusal` that `work` raises becomes the provider's error.
    """

    def produce() -> ProviderResponse:
        try:
            return work()
        except Refusal as error:
            return refuse(error.code, error.text)

    page = _Page(sandbox, call)
    fault = sandbox.faults.take(provider=call.provider, endpoint=call.endpoint, app=call.app, account=call.account)
    if fault is None:
        response = produce()
        page.settle(response)
        return respond(response)
    done = produce() if fault.commits else None
    page.settle(done, fault)
    if fault.fault == "hang":
        return await _hang(sandbox, fault, page, done, produce)
    if fault.fault in ("drop_after_commit", "reset"):
        return Cut(reset=fault.fault == "reset")
    if fault.fault == "mangle" and done is not None:
        return mangle(done, fault)
    if fault.fault == "drip" and done is not None:
        whole = respond(done)
        # A head written byte by byte passes by the application that dates all others.
        whole.headers["date"] = sandbox.clock.date()
        return Drip(whole, _seconds(fault, 0.4), sandbox.sleep, head=fault.drip_head)
    return _instead(fault, sandbox, refuse)


async def _hang(
    sandbox: Sandbox, fault: Fault, page: _Page, done: ProviderResponse | None, produce: Produce
) -> Response:
    await sandbox.sleep(_seconds(fault, 30.0))
    if fault.then == "drop":
        return Cut()
    if done is None:
        # The commit comes late, whether or not the client still waits for it.
        done = produce()
        page.settle(done, fault)
    return respond(done)


def _seconds(fault: Fault, default: float) -> float:
    return default if fault.seconds is None else fault.seconds


def _instead(fault: Fault, sandbox: Sandbox, refuse: Refuse) -> Response:
    """Return a response that says nothing of what was done: a status, a redirect, or an error of the provider's."""
    headers = {"content-type": "application/json", **fault.headers}
    if fault.location:
        headers["location"] = fault.location
    code = sandbox.mint.undocumented(90_000_000, 90_999_999) if fault.code is None else fault.code
    refusal = refuse(code, fault.message or "service unavailable")
    status = refusal.status if fault.fault == "error" and fault.status is None else fault.http_status
    return Response(refusal.body() if fault.body is None else fault.body, status, headers)
