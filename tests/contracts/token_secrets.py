"""The contract of `tokensync.domain.ports.TokenSecrets`."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import pytest

from contracts.world import refused
from fault_rows import fault
from tokensync.domain.errors import PublishError, PublishUnavailable, SecretGone, SecretNotOurs
from tokensync.domain.names import ConnectionName

if TYPE_CHECKING:
    from contracts.world import World


def token(number: int) -> str:
    """Return the ClientRequestToken of one version."""
    return str(uuid.UUID(int=number))


class TokenSecretsContract:
    """What every implementation does."""

    @pytest.fixture
    def name(self, world: World) -> ConnectionName:
        """Return a connection that is nobody else's."""
        return ConnectionName(world.app, "Ünï/code")

    @pytest.fixture
    def arn(self, world: World, name: ConnectionName) -> str:
        """Return the ARN of a secret that was created with the document `one`."""
        return world.secrets.create(name, "one", token=token(1))

    def test_creating(self, world: World, arn: str, name: ConnectionName) -> None:
        """A created secret has the document, its token as the version's id, and our tags."""
        assert {"AWSCURRENT": "one"} == world.versions(arn)
        assert token(1) == world.secrets.current_version(arn)
        tags = world.tags(arn)
        assert tags["tokensync:stack"] == "tokensync"
        assert tags["tokensync:connection"] == f"{name.app}/=C3=9Cn=C3=AF=2Fcode"

    def test_standing(self, world: World, name: ConnectionName) -> None:
        """A name is taken by any secret, one of another owner and one to be deleted too, and free once it is gone."""
        assert not world.secrets.exists(name)
        arn = world.plant_secret(name, "theirs", tags={})
        assert world.secrets.exists(name)
        world.schedule_deletion(arn)
        assert world.secrets.exists(name)
        world.destroy(arn)
        assert not world.secrets.exists(name)

    def test_writing(self, world: World, arn: str) -> None:
        """A new version becomes current, and the one before it previous."""
        world.secrets.put(arn, "two", token=token(2))
        assert {"AWSCURRENT": "two", "AWSPREVIOUS": "one"} == world.versions(arn)
        assert token(2) == world.secrets.current_version(arn)

    @fault("F4")
    def test_replaying(self, world: World, arn: str) -> None:
        """A replay of any earlier write does nothing: no older version becomes current again."""
        world.secrets.put(arn, "two", token=token(2))
        world.secrets.put(arn, "two", token=token(2))
        world.secrets.put(arn, "one", token=token(1))
        assert {"AWSCURRENT": "two", "AWSPREVIOUS": "one"} == world.versions(arn)
        assert token(2) == world.secrets.current_version(arn)

    def test_one_token_for_two_documents(self, world: World, arn: str) -> None:
        """A token that wrote one document writes no other, and no repetition would help."""
        world.secrets.put(arn, "two", token=token(2))
        with pytest.raises(PublishError) as refused:
            world.secrets.put(arn, "three", token=token(2))
        assert not isinstance(refused.value, PublishUnavailable | SecretGone | SecretNotOurs)
        assert world.versions(arn)["AWSCURRENT"] == "two"

    def test_creating_again(self, world: World, arn: str, name: ConnectionName) -> None:
        """Creating what is ours already writes it: a creation whose answer was lost, or an account that came back."""
        assert arn == world.secrets.create(name, "one", token=token(1))
        assert {"AWSCURRENT": "one"} == world.versions(arn)
        assert arn == world.secrets.create(name, "two", token=token(2))
        assert {"AWSCURRENT": "two", "AWSPREVIOUS": "one"} == world.versions(arn)

    @pytest.mark.parametrize("tags", [{}, {"tokensync:stack": "another"}], ids=["untagged", "another stack's"])
    def test_a_name_that_is_taken(self, world: World, name: ConnectionName, tags: dict[str, str]) -> None:
        """A secret of that name which this stack did not make is not overwritten."""
        arn = world.plant_secret(name, "theirs", tags=tags)
        refused(SecretNotOurs, world.secrets.create, name, "ours", token=token(1))
        assert {"AWSCURRENT": "theirs"} == world.versions(arn)

    def test_a_scheduled_deletion(self, world: World, arn: str, name: ConnectionName) -> None:
        """A secret that is scheduled for deletion is neither written, nor created anew, nor compared."""
        world.schedule_deletion(arn)
        refused(SecretGone, world.secrets.put, arn, "two", token=token(2))
        refused(SecretGone, world.secrets.create, name, "two", token=token(2))
        refused(SecretGone, world.secrets.current_version, arn)

    def test_a_deleted_secret(self, world: World, arn: str, name: ConnectionName) -> None:
        """A secret that is gone is not written under its ARN; created again it is another one."""
        world.destroy(arn)
        refused(SecretGone, world.secrets.put, arn, "two", token=token(2))
        refused(SecretGone, world.secrets.current_version, arn)
        again = world.secrets.create(name, "two", token=token(2))
        assert arn != again
        assert {"AWSCURRENT": "two"} == world.versions(again)

    def test_a_deletion_and_its_return(self, world: World, arn: str) -> None:
        """A deleted secret cannot be written until it is restored; then it is as it was. Both may be repeated."""
        world.secrets.delete(arn, days=7)
        world.secrets.delete(arn, days=30)
        refused(SecretGone, world.secrets.put, arn, "two", token=token(2))
        world.secrets.restore(arn)
        world.secrets.restore(arn)
        world.secrets.put(arn, "two", token=token(2))
        assert {"AWSCURRENT": "two", "AWSPREVIOUS": "one"} == world.versions(arn)

    def test_a_secret_that_is_gone_for_good(self, world: World, arn: str) -> None:
        """What was deleted without a window can neither be deleted nor restored."""
        world.destroy(arn)
        refused(SecretGone, world.secrets.delete, arn, days=7)
        refused(SecretGone, world.secrets.restore, arn)
