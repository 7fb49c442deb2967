"""What a moving virtual ground, or a resistance, gives an effect: leakage, and a device's nonlinearity."""

import pytest

from rampjax.checks import InputError
from rampjax.config.study_file import point_from_options


@pytest.mark.parametrize("cause", ["ramp.opamp_gain=1000", "ramp.tau_settle_ns=0.1", "ramp.sigma_v_os_V=0.001"])
@pytest.mark.parametrize("setting", ["ramp.g_leak_uS=10", "device.nonlinearity_per_V2=0.1"])
def test_a_moving_virtual_ground_gives_them_an_effect(setting: str, cause: str) -> None:
    point_from_options(overrides=[setting, cause])


@pytest.mark.parametrize("cause", ["ramp.r_access_MOhm=0.0001", "ramp.r_wire_MOhm=0.0001"])
def test_a_resistance_gives_only_the_nonlinearity_one(cause: str) -> None:
    point_from_options(overrides=["device.nonlinearity_per_V2=0.1", cause])
    with pytest.raises(InputError, match=r"`ramp\.g_leak_uS` has no effect without a voltage"):
        point_from_options(overrides=["ramp.g_leak_uS=10", cause])
