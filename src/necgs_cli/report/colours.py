"""The colours of an error, and the conversions between light and display values."""

import numpy as np

# From no error to the end of the scale, in Oklab (lightness, green-red, blue-yellow): lightness falls evenly, so that
# the scale also reads in grey and with any colour vision; the first colour is close to that of an unmarked surface.
_STOPS = np.array(
    [
        (0.900, 0.000, 0.015),
        (0.790, 0.035, 0.125),
        (0.680, 0.115, 0.120),
        (0.570, 0.170, 0.060),
        (0.460, 0.160, -0.040),
        (0.350, 0.090, -0.120),
    ]
)

# Oklab to linear sRGB: B. Ottosson, "A perceptual color space for image processing", 2020.
_LAB_TO_LMS = np.array(
    [(1, 0.3963377774, 0.2158037573), (1, -0.1055613458, -0.0638541728), (1, -0.0894841775, -1.2914855480)]
)
_LMS_TO_RGB = np.array(
    [
        (4.0767416621, -3.3077115913, 0.2309699292),
        (-1.2684380046, 2.6097574011, -0.3413193965),
        (-0.0041960863, -0.7034186147, 1.7076147010),
    ]
)


def error_colours(share: np.ndarray) -> np.ndarray:
    """Linear RGB (n, 3) in [0, 1] for errors (n,) as shares of the scale's end; above 1 counts as 1, NaN as 0."""
    share = np.clip(np.nan_to_num(share, nan=0.0, posinf=1.0), 0, 1)
    lab = np.stack([np.interp(share, np.linspace(0, 1, len(_STOPS)), stop) for stop in _STOPS.T], axis=-1)
    return np.clip((lab @ _LAB_TO_LMS.T) ** 3 @ _LMS_TO_RGB.T, 0, 1)


def to_display(linear: np.ndarray) -> np.ndarray:
    """Encode linear light in [0, 1] for a display (sRGB transfer function), as uint8 of the same shape."""
    linear = np.clip(linear, 0, 1)
    encoded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.round(255 * encoded).astype(np.uint8)
