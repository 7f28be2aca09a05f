#!/usr/bin/env python3
"""Write the images that Go cannot write, and a font of four traditional characters.

    pip install pillow==13.0.0 fonttools==4.68.0
    ./make.py DroidSansFallback.ttf
"""
import sys

from fontTools import subset, ttLib
from PIL import Image

# Left half red, right half blue; the lower half of the alpha is 64.
rgb = Image.new("RGB", (32, 16), (220, 30, 30))
rgb.paste((30, 30, 220), (16, 0, 32, 16))
alpha = Image.new("L", (32, 16), 255)
alpha.paste(64, (0, 8, 32, 16))
rgba = rgb.copy()
rgba.putalpha(alpha)

rgb.convert("CMYK").save("cmyk.jpg", quality=95, subsampling=0)
rgb.save("progressive.jpg", progressive=True, quality=95, subsampling=0)
rgb.save("lossy.webp", quality=95)
rgba.save("lossy-alpha.webp", quality=95)
rgba.save("lossless.webp", lossless=True)
rgb.save("animated.webp", save_all=True, append_images=[rgb.rotate(180)], duration=100)
rgb.save("lzw.tiff", compression="tiff_lzw")
rgb.convert("1").save("group4.tiff", compression="group4")
rgb.save("profile.jpg", quality=95, icc_profile=b"\0" * 16 + b"RGB " + bytes(108))

font = ttLib.TTFont(sys.argv[1], recalcTimestamp=False)
options = subset.Options()
options.hinting = False
options.layout_features = []
options.name_IDs = [0, 13, 14]
options.drop_tables += ["GSUB", "GPOS", "GDEF", "vhea", "vmtx", "VORG"]
subsetter = subset.Subsetter(options)
subsetter.populate(text="龍門體書")
subsetter.subset(font)
font.save("traditional.ttf")
