import stat

from tokensync_cli.embedded import administrator
from tokensync_cli.embedded.administrator import Administrator
from tokensync_cli.embedded.state import StateDirectory


def test_each_stack_has_a_key_of_its_own() -> None:
    """It is of AWS's form, cannot be taken for one of AWS's, and has a secret that no repr shows."""
    made, other = Administrator.made(), Administrator.made()
    assert made.access_key_id != other.access_key_id
    assert made.secret_access_key != other.secret_access_key
    assert (20, True) == (len(made.access_key_id), made.access_key_id.startswith("TOKENSYNC"))
    assert (40, True) == (len(made.secret_access_key), made.access_key_id.isalnum())
    assert made.secret_access_key not in repr(made)


def test_the_key_lasts_as_long_as_the_state(state: StateDirectory) -> None:
    """It is kept where its owner alone can read it, and gone with all else."""
    made = Administrator.made()
    assert administrator.remembered(state) is None
    administrator.remember(state, made)
    assert made == administrator.remembered(state)
    assert 0o600 == stat.S_IMODE((state.path / administrator.FILE).stat().st_mode)
    state.forget()
    assert administrator.remembered(state) is None
