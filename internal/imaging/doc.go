// Package imaging runs pipelines of operations on images, such as "resize:w_300|format:t_webp".
//
// [Parse] reads a pipeline, a [Processor] runs it: it looks at the header of the image, works out the size of every
// result and refuses what is too much, all before a pixel is decoded; then it decodes, works and encodes. An image that
// no operation changes comes back byte for byte. Memory, time and the number of images at work are bounded, whatever the
// image and the pipeline are.
//
// The package knows no buckets and no HTTP: where results are stored, and who may do that, is up to its caller, and
// so is how the image of a watermark is fetched.
package imaging
