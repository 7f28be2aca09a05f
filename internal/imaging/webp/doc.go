// Package webp writes WebP images: lossy ones (VP8, RFC 6386), with an alpha plane without loss where there is
// transparency (VP8L). It does not read any, and writes no animations.
//
// An image is written in one pass over its pixels, 16 by 16, each macroblock predicted from those that the decoder has
// then, transformed and quantized. The coefficients are kept in a compact form until all are there, since the
// probabilities to write them with stand before them in the file. Of what VP8 allows it uses the plain part: prediction
// of whole macroblocks, one quantizer and the normal loop filter.
package webp
