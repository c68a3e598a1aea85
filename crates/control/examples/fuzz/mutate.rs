//! Inputs from inputs.

/// Pieces that parsers look for.
const WORDS: &[&[u8]] = &[
    b"\r\n",
    b"\n",
    b"\r\n\r\n",
    b"{",
    b"}",
    b"[",
    b"]",
    b"\"",
    b":",
    b",",
    b"null",
    b"true",
    b"-1",
    b"1e999",
    b"18446744073709551616",
    b"\\u0000",
    b"\\ud800",
    b"\xff\xfe",
    b"\xc3\x28",
    b"\0",
    b"..",
    b"/../",
    b"%00",
    b"%2f",
    b"%",
    b"?",
    b"&",
    b"=",
    b"ask",
    b"work",
    b"start",
    b"event",
    b"result",
    b"log",
    b"phase",
    b"table",
    b"session",
    b"from",
    b"Host: ",
    b"Host: wiki\r\n",
    b"Content-Length: 99999999999\r\n",
    b"Content-Length: 3\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Expect: 100-continue\r\n",
    b"Cookie: __Host-appliance-session=0123456789abcdef0123456789abcdef\r\n",
    b"Accept: application/json\r\n",
    b"Range: bytes=0-\r\n",
    b"Connection: keep-alive\r\n",
    b"HTTP/1.0",
    b"GET ",
    b"POST ",
    b"http://evil.example/",
    b"csrf=",
];

/// Bytes of an input.
const LONGEST: usize = 80 << 10;

pub struct Mutator(u64);

impl Mutator {
    pub fn new(seed: u64) -> Mutator {
        Mutator(seed | 1)
    }

    /// xorshift64* (Vigna, 2016)
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() >> 16) as usize % end.max(1)
    }

    pub fn make(&mut self, corpus: &[Vec<u8>]) -> Vec<u8> {
        let mut input = corpus[self.below(corpus.len())].clone();
        for _ in 0..=self.below(6) {
            self.change(&mut input, corpus);
        }
        input.truncate(LONGEST);
        input
    }

    fn change(&mut self, input: &mut Vec<u8>, corpus: &[Vec<u8>]) {
        let at = self.below(input.len() + 1);
        let to = (at + self.below(16)).min(input.len());
        match self.below(8) {
            0 if at < input.len() => input[at] ^= 1 << self.below(8),
            1 if at < input.len() => input[at] = self.next() as u8,
            2 => drop(input.drain(at..to)),
            3 => drop(input.splice(at..to, WORDS[self.below(WORDS.len())].iter().copied())),
            4 => drop(input.splice(at..at, WORDS[self.below(WORDS.len())].iter().copied())),
            5 => {
                let piece = input[at..to].repeat(1 + self.below(200));
                drop(input.splice(at..at, piece));
            }
            6 => {
                let other = &corpus[self.below(corpus.len())];
                let from = self.below(other.len() + 1);
                drop(input.splice(at.., other[from..].iter().copied()));
            }
            _ => input.truncate(at),
        }
    }
}
