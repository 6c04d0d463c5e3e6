"""The primitives of `kernel.py` as machine code runs them: exact in int64, where products may pass 2**63.

A root is first taken in floating point, which is off by a few units at most; the difference of squares that then
puts it right is small, and so exact although its terms wrap around.
"""

from math import sqrt

import numpy as np


def _put_right(root, square):
    """floor(sqrt(square)) for an estimate of it; `square` modulo 2**64."""
    rest = square - root * root
    while rest < 0:
        root -= 1
        rest += 2 * root + 1
    while rest > 2 * root:
        rest -= 2 * root + 1
        root += 1
    return root


def isqrt(n):
    return _put_right(np.int64(sqrt(np.float64(n))), n)


def length(x, y, z):
    fx, fy, fz = np.float64(x), np.float64(y), np.float64(z)
    return _put_right(np.int64(sqrt(fx * fx + fy * fy + fz * fz)), x * x + y * y + z * z)


def isqrt_of_product(a, b):
    return _put_right(np.int64(sqrt(np.float64(a)) * sqrt(np.float64(b))), a * b)


def bit_length(n):
    bits = 0
    while n:
        n >>= 1
        bits += 1
    return bits


def bisect_left(values, value, low, high):
    while low < high:
        middle = low + high >> 1
        if values[middle] < value:
            low = middle + 1
        else:
            high = middle
    return low


def zeros(count):
    return np.zeros(count, np.int64)


def subtract_outer(matrix, n, columns, weights, entries, bits):
    for i in range(len(columns)):
        row = columns[i] * n
        weight = weights[i]
        for j in range(len(columns)):
            matrix[row + columns[j]] -= weight * entries[j] >> bits
