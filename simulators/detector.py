"""What a simulated camera is made of."""

from __future__ import annotations

from dataclasses import dataclass

FULL_ADU = 65535


@dataclass(frozen=True, slots=True)
class CameraSettings:
    """What a simulated camera can be told.

    :param width: pixels along a row
    :param height: rows
    :param scale_arcsec: of a pixel
    :param gain_e_adu: electrons per count
    :param read_noise_e: electrons
    :param bias_adu: level
    :param dark_e_s: dark current at the setpoint, electrons per second; doubles every 6 K
    :param full_well_e: saturation of a pixel
    :param zero_point_mag: magnitude that gives one electron per second
    :param sky_mag: of a dark sky, per square arcsecond
    :param flat_e_s: flat-field lamp, electrons per second
    :param band: ``vis`` or ``nir``
    :param filters: names of the filters it has
    :param readout_s: time to read a frame
    :param filter_s: time to change a filter
    :param setpoint_c: temperature it is cooled to at the start
    :param ambient_c: temperature it warms to with the cooler off
    :param cooling_c_s: how fast its temperature changes
    :param pixel_response: deviation of the pixels' response from each other
    :param bias_pattern_e: deviation of the columns' bias from each other, electrons
    """

    width: int = 512
    height: int = 512
    scale_arcsec: float = 1.3
    gain_e_adu: float = 1.5
    read_noise_e: float = 6.0
    bias_adu: float = 500.0
    dark_e_s: float = 0.01
    full_well_e: float = 90000.0
    zero_point_mag: float = 23.5
    sky_mag: float = 20.8
    flat_e_s: float = 8000.0
    band: str = "vis"
    filters: tuple[str, ...] = ("g", "r", "i", "z")
    readout_s: float = 2.0
    filter_s: float = 3.0
    setpoint_c: float = -60.0
    ambient_c: float = 8.0
    cooling_c_s: float = 0.5
    pixel_response: float = 0.008
    bias_pattern_e: float = 1.5


NIR = CameraSettings(
    scale_arcsec=2.5,
    gain_e_adu=2.5,
    read_noise_e=18.0,
    bias_adu=1500.0,
    dark_e_s=1.0,
    full_well_e=110000.0,
    zero_point_mag=22.5,
    sky_mag=16.3,
    flat_e_s=6000.0,
    band="nir",
    filters=("J", "H"),
    readout_s=1.5,
    filter_s=4.0,
    setpoint_c=-150.0,
    pixel_response=0.02,
    bias_pattern_e=6.0,
)


def saturation_adu(camera: CameraSettings) -> float:
    """Tell at which count a pixel saturates."""
    return min(camera.full_well_e / camera.gain_e_adu + camera.bias_adu, FULL_ADU)
