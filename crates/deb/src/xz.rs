//! Compression of a package's members.

use liblzma::stream::{Check, Filters, LzmaOptions, Stream};
use std::io::{self, Read, Write};

/// dpkg's default.
const PRESET: u32 = 6;
/// Small packages are built over and over: a fifth of the time, and a few kilobytes more.
const PRESET_OF_SMALL: u32 = 1;
const SMALL: u64 = 1 << 20;
const SMALLEST: u64 = 1 << 16;
const LARGEST: u64 = 8 << 20;
/// What a decoder may take: a file of preset 9 needs 65 MiB.
const DECODER_MEMORY: u64 = 100 << 20;

/// An encoder for input of about that many bytes. The dictionary is as large as the input and no larger:
/// for small packages setting it up takes longer than compressing. One thread, so that the same input
/// always gives the same bytes.
pub fn encoder<W: Write>(out: W, input: u64) -> io::Result<liblzma::write::XzEncoder<W>> {
    let mut options = LzmaOptions::new_preset(if input < SMALL { PRESET_OF_SMALL } else { PRESET })?;
    let dictionary = input.clamp(SMALLEST, LARGEST).next_power_of_two();
    options.dict_size(dictionary as u32);
    let mut filters = Filters::new();
    filters.lzma2(&options);
    Ok(liblzma::write::XzEncoder::new_stream(out, Stream::new_stream_encoder(&filters, Check::Crc32)?))
}

/// A decoder by the name of the member (`control.tar.xz`); `None` when it is not known.
pub fn decoder<'a>(member: &str, input: impl Read + 'a) -> io::Result<Option<Box<dyn Read + 'a>>> {
    Ok(match member.rsplit_once(".tar").map(|(_, suffix)| suffix) {
        Some("") => Some(Box::new(input)),
        Some(".gz") => Some(Box::new(flate2::read::GzDecoder::new(input))),
        Some(".xz") => {
            let stream = Stream::new_stream_decoder(DECODER_MEMORY, 0)?;
            Some(Box::new(liblzma::read::XzDecoder::new_stream(input, stream)))
        }
        Some(".zst") => {
            let mut decoder = zstd::stream::read::Decoder::new(input)?;
            decoder.window_log_max(27)?;
            Some(Box::new(decoder))
        }
        _ => None,
    })
}
