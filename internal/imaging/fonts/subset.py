#!/usr/bin/env python3
"""Write droid-gb2312.ttf: the characters of GB 2312 out of DroidSansFallback.ttf.

    pip install fonttools==4.68.0
    ./subset.py DroidSansFallback.ttf droid-gb2312.ttf
"""
import sys

from fontTools import subset, ttLib


def gb2312():
    for row in range(0xA1, 0xF8):
        for cell in range(0xA1, 0xFF):
            try:
                yield ord(bytes([row, cell]).decode("gb2312"))
            except UnicodeDecodeError:
                pass


font = ttLib.TTFont(sys.argv[1], recalcTimestamp=False)
options = subset.Options()
options.hinting = False
options.layout_features = []
options.name_IDs = [0, 13, 14]  # copyright, licence and where that is
options.drop_tables += ["GSUB", "GPOS", "GDEF", "vhea", "vmtx", "VORG"]
subsetter = subset.Subsetter(options)
subsetter.populate(unicodes=set(gb2312()) & set(font.getBestCmap()))
subsetter.subset(font)
font.save(sys.argv[2])
