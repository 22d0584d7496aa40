"""The table of alert streams: what differs between them is written here as data, and nowhere as code.

Numbers and names are those of NASA's General Coordinates Network
(https://gcn.gsfc.nasa.gov/filtering.html, https://gcn.nasa.gov/missions) and of SVOM's and LIGO/Virgo/KAGRA's
packets.  A stream or number that is not in the table is no error: it still gives IVORN, role, position, time.
"""

from __future__ import annotations

from pyros_kernel.alerts.streams import Kind, PacketType, Stream


def _packets(**names_by_kind: dict[int, str]) -> dict[int, PacketType]:
    return {
        number: PacketType(name, Kind(kind)) for kind, names in names_by_kind.items() for number, name in names.items()
    }


_GCN = "nasa.gsfc.gcn/"
_FERMI = _packets(
    trigger={110: "GBM_Alert"},
    position={
        111: "GBM_Flt_Pos",
        112: "GBM_Gnd_Pos",
        115: "GBM_Fin_Pos",
        120: "LAT_Initial_Pos",
        121: "LAT_Updated_Pos",
        122: "LAT_Final_Pos",
        123: "LAT_Trans_Pos",
        127: "LAT_Gnd_Pos",
        128: "LAT_Offline_Pos",
        131: "GBM_SubThresh",
        146: "GBM_Fin_Pos_Int",
    },
    pointing={126: "SC_Slew", 129: "Point_Dir"},
    product={125: "LAT_Monitor"},
    test={119: "GBM_Test_Pos", 124: "LAT_Test_Pos"},
)

STREAMS: tuple[Stream, ...] = (
    Stream(
        "SWIFT",
        (f"{_GCN}SWIFT",),
        packets=_packets(
            trigger={60: "BAT_GRB_Alert", 62: "BAT_GRB_Nack_Pos"},
            position={
                61: "BAT_GRB_Pos",
                67: "XRT_Pos",
                81: "UVOT_Pos",
                84: "BAT_Trans_Pos",
                97: "BAT_QuickLook_Pos",
                98: "BAT_SubThresh_Pos",
                99: "BAT_Slew_Pos",
                140: "BAT_SubSubThresh_Pos",
                141: "BAT_Known_Pos",
            },
            pointing={
                46: "FOM_Obs",
                47: "SC_Slew",
                65: "FOM_Obs",
                66: "SC_Slew",
                83: "Point_Dir",
                103: "Actual_Point_Dir",
            },
            product={
                63: "BAT_Lightcurve",
                64: "BAT_Scaledmap",
                68: "XRT_Spec",
                69: "XRT_Image",
                70: "XRT_Lightcurve",
                71: "XRT_Nack_Pos",
                72: "UVOT_Image",
                73: "UVOT_SrcList",
                76: "BAT_Proc_Lightcurve",
                77: "XRT_Proc_Spec",
                78: "XRT_Proc_Image",
                79: "UVOT_Proc_Image",
                80: "UVOT_Proc_SrcList",
                85: "XRT_ThreshPix",
                86: "XRT_Proc_ThreshPix",
                87: "XRT_SPER",
                88: "XRT_Proc_SPER",
                89: "UVOT_Nack_Pos",
                133: "BAT_Monitor",
            },
            test={82: "BAT_GRB_Test_Pos"},
        ),
        notices=("swift/",),
        notice_kinds={
            "swift/pointing": Kind.POINTING,
            "swift/bat/lightcurve": Kind.PRODUCT,
            "swift/bat/scaled_map": Kind.PRODUCT,
            "swift/uvot/image": Kind.PRODUCT,
            "swift/uvot/source_list": Kind.PRODUCT,
            "swift/xrt/image": Kind.PRODUCT,
            "swift/xrt/lightcurve": Kind.PRODUCT,
            "swift/xrt/spectrum": Kind.PRODUCT,
            "swift/xrt/sper": Kind.PRODUCT,
            "swift/xrt/thresholded_pixels": Kind.PRODUCT,
        },
        instruments={"BAT": "BAT", "XRT": "XRT", "UVOT": "UVOT"},
    ),
    Stream(
        "Fermi",
        (f"{_GCN}Fermi", f"{_GCN}GLAST"),
        packets=_FERMI,
        notices=("fermi/",),
        instruments={"GBM": "GBM", "LAT": "LAT"},
    ),
    Stream(
        "SVOM",
        ("org.svom/",),
        ("Burst_Id",),
        _packets(
            trigger={201: "grm-trigger"},
            position={
                202: "eclairs-wakeup",
                203: "eclairs-catalog",
                204: "slewing",  # SVOM tells where it points in Attitude_Ra, Attitude_Dec; these two repeat the source
                205: "not-slewing",
                209: "mxt-initial",
                210: "mxt-update",
            },
            retraction={219: "retraction"},
        ),
        ("svom/",),
        instruments={"grm": "GRM", "eclairs": "ECLAIRs", "mxt": "MXT"},
    ),
    Stream(
        "INTEGRAL",
        (f"{_GCN}INTEGRAL",),
        packets=_packets(
            trigger={52: "SPIACS"},
            position={53: "Wakeup_Pos", 54: "Refined_Pos", 55: "Offline_Pos", 56: "Weak_Pos"},
            pointing={51: "Point_Dir"},
        ),
        instruments={"SPIACS": "SPI-ACS", "Point_Dir": "", "": "IBIS"},
    ),
    Stream(
        "LVC",
        (f"{_GCN}LVC", "gwnet/"),
        ("GraceID",),
        _packets(
            trigger={150: "Preliminary", 151: "Initial", 152: "Update", 163: "EarlyWarning"},
            test={153: "Test"},
            retraction={164: "Retraction"},
        ),
        ("igwn/gwalert",),
        notice_types={
            "earlywarning": "EarlyWarning",
            "preliminary": "Preliminary",
            "initial": "Initial",
            "update": "Update",
            "retraction": "Retraction",
        },
    ),
    Stream(
        "AMON",
        (f"{_GCN}AMON",),
        packets=_packets(
            position={
                157: "ICECUBE_COINC_Event",
                158: "ICECUBE_HESE_Event",
                169: "ICECUBE_EHE_Event",
                171: "HAWC_BURST_MONITOR_Event",
                172: "NU_EM_Event",
                173: "ICECUBE_GOLD_Event",
                174: "ICECUBE_BRONZE_Event",
                176: "ICECUBE_Cascade_Event",
            },
            test={159: "TEST_Event"},
        ),
        notices=("icecube/",),
        instruments={"ICECUBE": "IceCube", "HAWC": "HAWC", "NU_EM": "AMON"},
    ),
    Stream(
        "MAXI",
        (f"{_GCN}MAXI",),
        packets=_packets(position={134: "Unknown_source_Pos", 135: "Known_source_Pos"}, test={136: "Test_Pos"}),
        notices=("maxi/",),
        instruments={"": "GSC"},
    ),
    Stream(
        "GECAM",
        (f"{_GCN}GECAM",),
        (),  # its Trigger_Number differs between the flight and the ground packet of one burst
        _packets(position={188: "FLT_Event", 189: "GND_Event"}),
        instruments={"": "GRD"},
    ),
    Stream(
        "AGILE",
        (f"{_GCN}AGILE",),
        packets=_packets(
            trigger={105: "A_MCAL_Alert"},
            position={100: "SA_Wakeup_Pos", 101: "SA_Ground_Pos", 102: "SA_Refined_Pos", 108: "SA_Trans_Pos"},
            pointing={107: "Point_Dir"},
            test={109: "SA_Test_Pos"},
        ),
        instruments={"A_MCAL": "MCAL", "SA": "SuperAGILE"},
    ),
    Stream(
        "CALET",
        (f"{_GCN}CALET", f"{_GCN}CAlet"),
        packets=_packets(product={160: "GBM_Flight_Lightcurve", 161: "GBM_Ground_Lightcurve"}),
        instruments={"GBM": "CGBM"},
    ),
    Stream("KONUS", (f"{_GCN}KONUS",), packets=_packets(product={59: "Lightcurve"}), instruments={"": "Konus"}),
    Stream("IPN", (f"{_GCN}IPN",), packets=_packets(trigger={31: "Raw", 32: "Seg"}, position={39: "Pos"})),
    Stream("COUNTERPART", (f"{_GCN}COUNTERPART",), packets=_packets(position={45: "Position"})),
    Stream(
        "GRO",
        (f"{_GCN}GRO",),
        packets=_packets(
            position={1: "Orig_Pos", 11: "MaxBC_Pos", 22: "Final_Pos", 24: "LocBurst_Pos"}, test={2: "Test_Pos"}
        ),
        instruments={"": "BATSE"},
    ),
    Stream(
        "HETE",
        (f"{_GCN}HETE",),
        packets=_packets(
            trigger={40: "Alert"},
            position={41: "Update_Pos", 42: "Last_Pos", 43: "Gndana_Pos"},
            test={44: "Test_Pos"},
        ),
    ),
    Stream("SNEWS", (f"{_GCN}SNEWS",), packets=_packets(trigger={149: "Event"})),
    Stream("SK_SN", (f"{_GCN}SK_SN",), packets=_packets(position={175: "Event"}), notices=("superk/",)),
    Stream("MOA", (f"{_GCN}MOA",), packets=_packets(position={139: "Lensing_Event"})),
    Stream("SUZAKU", (f"{_GCN}SUZAKU",), packets=_packets(product={148: "Lightcurve"}), instruments={"": "WAM"}),
    Stream(
        "CHIME",
        ("ca.chimenet.frb/",),
        (),
        notices=("chime/",),
        named={
            "FRB-DETECTION": PacketType("FRB-DETECTION", Kind.POSITION),
            "FRB-SUBSEQUENT": PacketType("FRB-SUBSEQUENT", Kind.POSITION),
            "FRB-UPDATE": PacketType("FRB-UPDATE", Kind.POSITION),
            "FRB-RETRACTION": PacketType("FRB-RETRACTION", Kind.RETRACTION),
            "OBS-RETRACTION": PacketType("OBS-RETRACTION", Kind.RETRACTION),
        },
        instruments={"": "CHIME/FRB"},
    ),
    Stream("core", (), notices=("core/",), notice_kinds={"core/pointing": Kind.POINTING}),
    Stream("EP", ("einstein_probe/",), notices=("einstein_probe/", "ep/")),
)


def stream_of(ivorn: str) -> Stream:
    """Find the stream of an IVORN; one that is not in the table is made from the IVORN's own words."""
    address = ivorn.removeprefix("ivo://").partition("#")[0]
    for stream in STREAMS:
        if address.startswith(stream.addresses):
            return stream
    authority, _, path = address.partition("/")
    name = path if authority == _GCN.rstrip("/") and path else authority
    return Stream(name, (address,))


def stream_of_notice(path: str) -> Stream:
    """Find the stream of a JSON notice; one that is not in the table is called by its mission's name.

    :param path: path of its schema, after ``gcn/notices/``
    """
    for stream in STREAMS:
        if stream.notices and path.startswith(stream.notices):
            return stream
    return Stream(path.partition("/")[0], ())
