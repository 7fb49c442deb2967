import jax
import jax.extend
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from rampjax.bench.philox import multiply_high_low, philox_4x32
from rampjax.circuit.draws import normal_of, threefry_2x32, uniform_of

# Random123, kat_vectors, philox4x32 10: counter, key, words.
KNOWN = [
    ("00000000 00000000 00000000 00000000 00000000 00000000", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ("ffffffff ffffffff ffffffff ffffffff ffffffff ffffffff", "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    ("243f6a88 85a308d3 13198a2e 03707344 a4093822 299f31d0", "d16cfe09 94fdcceb 5001e420 24126ea1"),
]


def words(text):
    return tuple(jnp.uint32(int(word, 16)) for word in text.split())


@pytest.mark.parametrize(("given", "expected"), KNOWN)
@pytest.mark.parametrize("compiled", [False, True])
def test_philox_known_answers(given, expected, compiled):
    *counter, k0, k1 = words(given)
    function = jax.jit(philox_4x32) if compiled else philox_4x32
    drawn = function(tuple(counter), (k0, k1))
    assert " ".join(f"{int(word):08x}" for word in drawn) == expected


def philox_in_whole_numbers(counter, key):
    """The round as published, in Python's own integers."""
    c, k = [int(x) for x in counter], [int(x) for x in key]
    for _ in range(10):
        a, b = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [(b >> 32) ^ c[1] ^ k[0], b & 0xFFFFFFFF, (a >> 32) ^ c[3] ^ k[1], a & 0xFFFFFFFF]
        k = [(k[0] + 0x9E3779B9) & 0xFFFFFFFF, (k[1] + 0xBB67AE85) & 0xFFFFFFFF]
    return c


def test_philox_equals_whole_numbers():
    given = np.random.default_rng(1).integers(0, 2**32, size=(6, 100), dtype=np.uint32)
    drawn = philox_4x32(tuple(jnp.asarray(given[:4])), tuple(jnp.asarray(given[4:])))
    expected = [philox_in_whole_numbers(column[:4], column[4:]) for column in given.T]
    np.testing.assert_array_equal(np.stack(drawn).T, expected)


@pytest.mark.parametrize("multiplier", [0xD2511F53, 0xCD9E8D57, 0xFFFFFFFF, 1])
def test_product_of_64_bits(multiplier):
    word = np.array([0, 1, 0xFFFF, 0x10000, 0xFFFF0000, 0xFFFFFFFF, 0x89ABCDEF], np.uint32)
    high, low = multiply_high_low(multiplier, jnp.asarray(word))
    whole = word.astype(np.uint64) * np.uint64(multiplier)
    np.testing.assert_array_equal(high, (whole >> np.uint64(32)).astype(np.uint32))
    np.testing.assert_array_equal(low, whole.astype(np.uint32))


def test_uniforms_stay_inside():
    extreme = jnp.array([0, 511, 512, 2**31 - 1, 2**31, 2**32 - 512, 2**32 - 1], jnp.uint32)
    u = np.asarray(uniform_of(extreme), np.float64)
    np.testing.assert_array_equal(u, (np.asarray(extreme) // 512 + 0.5) / 2**23)  # exact: no rounding at all
    assert 0 < u.min() < u.max() < 1
    z = np.asarray(normal_of(extreme))
    assert np.isfinite(z).all()
    assert z[0] == -z[-1]
    np.testing.assert_allclose(z[-1], stats.norm.isf(2.0**-24), rtol=1e-5)
    np.testing.assert_allclose(z, stats.norm.ppf(u), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("generator", ["philox", "threefry"])
def test_normals_are_normal(generator):
    number = jnp.arange(5_000, dtype=jnp.uint32)
    zero, key = jnp.zeros_like(number), (jnp.uint32(3), jnp.uint32(4))
    drawn = (
        philox_4x32((number, zero, zero, zero), key) if generator == "philox" else threefry_2x32((number, zero), key)
    )
    z = np.stack([normal_of(word) for word in drawn])
    assert stats.kstest(z.reshape(-1), "norm").pvalue > 0.01
    off_diagonal = np.corrcoef(z)[np.triu_indices(len(z), 1)]
    assert np.abs(off_diagonal).max() < 4 / np.sqrt(z.shape[1])


def test_threefry_is_that_of_jax():
    counter = jnp.arange(64, dtype=jnp.uint32) * jnp.uint32(0x9E3779B9)
    key = jnp.array([0x13198A2E, 0x03707344], jnp.uint32)
    expected = jax.extend.random.threefry_2x32(key, counter)
    drawn = threefry_2x32((counter[:32], counter[32:]), (key[0], key[1]))
    np.testing.assert_array_equal(jnp.concatenate(drawn), expected)
