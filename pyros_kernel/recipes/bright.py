"""A few bright objects by name, so that a first try needs no catalogue and no network.

ICRS degrees at epoch J2000: stars from the Hipparcos catalogue (ESA SP-1200, 1997), the others as SIMBAD gives
them, rounded to a few arcseconds.
"""

from __future__ import annotations

BRIGHT: dict[str, tuple[float, float]] = {
    "Aldebaran": (68.9802, 16.5093),
    "Altair": (297.6958, 8.8683),
    "Antares": (247.3519, -26.4320),
    "Arcturus": (213.9153, 19.1824),
    "Betelgeuse": (88.7929, 7.4071),
    "Canopus": (95.9880, -52.6957),
    "Capella": (79.1723, 45.9980),
    "Deneb": (310.3580, 45.2803),
    "Fomalhaut": (344.4127, -29.6222),
    "Polaris": (37.9546, 89.2641),
    "Pollux": (116.3290, 28.0262),
    "Procyon": (114.8255, 5.2250),
    "Regulus": (152.0930, 11.9672),
    "Rigel": (78.6345, -8.2016),
    "Sirius": (101.2872, -16.7161),
    "Spica": (201.2983, -11.1613),
    "Vega": (279.2347, 38.7837),
    "M 1": (83.6331, 22.0145),
    "M 2": (323.3626, -0.8233),
    "M 13": (250.4235, 36.4613),
    "M 15": (322.4930, 12.1670),
    "M 27": (299.9016, 22.7210),
    "M 31": (10.6847, 41.2688),
    "M 33": (23.4621, 30.6602),
    "M 42": (83.8221, -5.3911),
    "M 45": (56.6010, 24.1140),
    "M 51": (202.4696, 47.1953),
    "M 57": (283.3962, 33.0291),
    "M 81": (148.8882, 69.0653),
    "M 82": (148.9685, 69.6797),
    "M 87": (187.7059, 12.3911),
    "M 101": (210.8024, 54.3488),
    "M 104": (189.9976, -11.6231),
}
