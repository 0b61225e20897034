//! Content codings (RFC 9110, 8.4.1): gzip and zstd, whole or in parts.
//!
//! What comes in is unpacked into pieces of a size that the caller names, whatever it says of
//! itself; zstd may ask for a window of 8 MiB at most (RFC 9659).

use std::cell::RefCell;
use std::io::{self, BufRead, ErrorKind, Read, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};

use flate2::bufread::MultiGzDecoder;
use flate2::write::GzEncoder;
use flate2::{Compress, Compression, FlushCompress, Status};
use formdb_engine::Reservation;
use rustler::{Binary, Encoder, Env, NifUnitEnum, Resource, ResourceArc, Term};
use zstd::zstd_safe::{DCtx, DParameter, InBuffer, OutBuffer, get_error_name};

use crate::answer::{Failure, binary, tagged};
use crate::schedulers::twins;
use crate::{CatalogRef, atoms};

/// As cheap as they get: higher levels take twice the time for a few percent.
const GZIP_LEVEL: Compression = Compression::new(1);
const ZSTD_LEVEL: i32 = 1;

/// The base-two logarithm of the largest window.
const ZSTD_WINDOW_LOG: u32 = 23;

/// What one of these holds: gzip its window and tables, zstd at this level the same.
const GZIP_DECODER_BYTES: usize = 64 << 10;
const GZIP_ENCODER_BYTES: usize = 320 << 10;
const ZSTD_ENCODER_BYTES: usize = 1536 << 10;

/// Bytes that are packed, or taken to be unpacked, on a normal scheduler: some 100 us.
const SMALL: usize = 16 << 10;
/// Bytes that come out at once on a normal scheduler.
const SMALL_PIECE: usize = 64 << 10;

#[derive(NifUnitEnum, Clone, Copy)]
enum Coding {
    Gzip,
    Zstd,
}

mod words {
    rustler::atoms! { invalid_content_coding, full, hungry, done }
}

fn lock<T>(held: &Mutex<T>) -> MutexGuard<'_, T> {
    // Of one process, which waits for nobody.
    held.lock().unwrap_or_else(PoisonError::into_inner)
}

// --- Packing ---------------------------------------------------------------------

thread_local! {
    /// To make one takes longer than to pack a short answer.
    static GZIP: RefCell<Compress> = RefCell::new(Compress::new_gzip(GZIP_LEVEL, 15));
    static ZSTD: RefCell<Option<zstd::bulk::Compressor<'static>>> = const { RefCell::new(None) };
}

fn compress(coding: Coding, bytes: &[u8]) -> io::Result<Vec<u8>> {
    match coding {
        Coding::Gzip => GZIP.with_borrow_mut(|gzip| compress_gzip(gzip, bytes)),
        Coding::Zstd => ZSTD.with_borrow_mut(|zstd| match zstd {
            Some(zstd) => zstd.compress(bytes),
            None => zstd
                .insert(zstd::bulk::Compressor::new(ZSTD_LEVEL)?)
                .compress(bytes),
        }),
    }
}

fn compress_gzip(gzip: &mut Compress, bytes: &[u8]) -> io::Result<Vec<u8>> {
    gzip.reset();
    let mut packed = Vec::with_capacity(bytes.len() / 4 + 1024);
    let mut rest = bytes;
    loop {
        let before = gzip.total_in();
        let status = gzip.compress_vec(rest, &mut packed, FlushCompress::Finish)?;
        let taken = usize::try_from(gzip.total_in() - before).unwrap_or(usize::MAX);
        rest = rest.get(taken..).unwrap_or_default();
        if status == Status::StreamEnd {
            return Ok(packed);
        }
        packed.reserve(packed.capacity());
    }
}

twins! {
    /// The bytes in that coding.
    content_compress: "Normal", content_compress_dirty: "DirtyCpu";
    fn(env, on; coding: Coding, bytes: Binary<'a>) -> Term<'a> {
        if bytes.len() > on.at_most(SMALL) {
            return atoms::long().to_term(env);
        }
        packed(env, compress(coding, &bytes))
    }
}

/// `{:ok, binary}`; it fails only where the system has no memory.
fn packed<'a>(env: Env<'a>, packed: io::Result<Vec<u8>>) -> Term<'a> {
    match packed {
        Ok(packed) => (atoms::ok(), binary(env, &packed)).encode(env),
        Err(error) => invalid(env, &error.to_string()),
    }
}

enum Packer {
    Gzip(GzEncoder<Vec<u8>>),
    Zstd(zstd::stream::write::Encoder<'static, Vec<u8>>),
}

impl Packer {
    /// All that `bytes` became, so that whoever has it can unpack them.
    fn next(&mut self, bytes: &[u8], last: bool) -> io::Result<Vec<u8>> {
        match self {
            Self::Gzip(gzip) => {
                gzip.write_all(bytes)?;
                if last {
                    gzip.try_finish()?
                } else {
                    gzip.flush()?
                };
                Ok(std::mem::take(gzip.get_mut()))
            }
            Self::Zstd(zstd) => {
                zstd.write_all(bytes)?;
                if last {
                    zstd.do_finish()?
                } else {
                    zstd.flush()?
                };
                Ok(std::mem::take(zstd.get_mut()))
            }
        }
    }
}

struct PackerResource {
    packer: Mutex<Packer>,
    _held: Reservation,
}

#[rustler::resource_impl]
impl Resource for PackerResource {}

/// For an answer that comes in parts: `{:ok, packer}`, or the error of a pool that is used up.
#[rustler::nif]
fn content_packer<'a>(env: Env<'a>, catalog: CatalogRef, coding: Coding) -> Term<'a> {
    let (bytes, packer) = match coding {
        Coding::Gzip => {
            let gzip = GzEncoder::new(Vec::new(), GZIP_LEVEL);
            (GZIP_ENCODER_BYTES, Ok(Packer::Gzip(gzip)))
        }
        Coding::Zstd => {
            let zstd = zstd::stream::write::Encoder::new(Vec::new(), ZSTD_LEVEL);
            (ZSTD_ENCODER_BYTES, zstd.map(Packer::Zstd))
        }
    };
    let packer = match packer {
        Ok(packer) => Mutex::new(packer),
        Err(error) => return invalid(env, &error.to_string()),
    };
    let reserved = catalog.0.memory().work.reserve(bytes).map_err(Failure);
    let resource = reserved.map(|held| {
        ResourceArc::new(PackerResource {
            packer,
            _held: held,
        })
    });
    tagged(env, resource)
}

/// `{:ok, binary}`: what the next part became, or the last one.
#[rustler::nif(schedule = "DirtyCpu")]
fn content_pack<'a>(
    env: Env<'a>,
    packer: ResourceArc<PackerResource>,
    bytes: Binary<'a>,
    last: bool,
) -> Term<'a> {
    packed(env, lock(&packer.packer).next(&bytes, last))
}

// --- Unpacking -------------------------------------------------------------------

/// What has come and was not unpacked. Empty, it would block, until it has ended.
#[derive(Default)]
struct Arrived {
    bytes: Vec<u8>,
    taken: usize,
    /// Of those that came before these.
    before: usize,
    ended: bool,
}

impl Arrived {
    fn feed(&mut self, part: &[u8], last: bool) {
        self.bytes.drain(..self.taken);
        self.before += std::mem::take(&mut self.taken);
        self.bytes.extend_from_slice(part);
        self.ended |= last;
    }

    fn rest(&self) -> &[u8] {
        self.bytes.get(self.taken..).unwrap_or_default()
    }
}

impl Read for Arrived {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let mut rest = self.fill_buf()?;
        let read = rest.read(into)?;
        self.consume(read);
        Ok(read)
    }
}

impl BufRead for Arrived {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.rest().is_empty() && !self.ended {
            return Err(ErrorKind::WouldBlock.into());
        }
        Ok(self.rest())
    }

    fn consume(&mut self, read: usize) {
        self.taken += read;
    }
}

/// One zstd frame after the other.
struct Frames {
    arrived: Arrived,
    context: DCtx<'static>,
    /// A frame has begun and not ended. Nothing at all is no frame.
    within: bool,
    /// There may be more without another byte. Asked in vain too often, it fails.
    more: bool,
}

impl Frames {
    fn new() -> io::Result<Self> {
        let mut context = DCtx::try_create().ok_or(ErrorKind::OutOfMemory)?;
        let bounded = context.set_parameter(DParameter::WindowLogMax(ZSTD_WINDOW_LOG));
        bounded.map_err(zstd_error)?;
        Ok(Self {
            arrived: Arrived::default(),
            context,
            within: true,
            more: false,
        })
    }
}

fn zstd_error(code: usize) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, get_error_name(code))
}

impl Read for Frames {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            if self.arrived.rest().is_empty() && !self.more {
                return match (self.arrived.ended, self.within) {
                    (false, _) => Err(ErrorKind::WouldBlock.into()),
                    (true, true) => Err(ErrorKind::UnexpectedEof.into()),
                    (true, false) => Ok(0),
                };
            }
            let mut source = InBuffer::around(self.arrived.rest());
            let mut target = OutBuffer::around(&mut *into);
            let left = self.context.decompress_stream(&mut target, &mut source);
            let left = left.map_err(zstd_error)?;
            let (taken, written) = (source.pos(), target.pos());
            self.arrived.consume(taken);
            if taken > 0 || written > 0 {
                self.within = left > 0;
            }
            self.more = written == into.len();
            if written > 0 {
                return Ok(written);
            }
        }
    }
}

enum Unpacker {
    Gzip(Box<MultiGzDecoder<Arrived>>),
    Zstd(Frames),
}

/// Where a piece ends.
enum End {
    /// It is as long as it may be.
    Full,
    /// There is nothing more until more comes.
    Hungry,
    /// Everything has come.
    Done,
}

impl Unpacker {
    fn arrived(&mut self) -> &mut Arrived {
        match self {
            Self::Gzip(gzip) => gzip.get_mut(),
            Self::Zstd(frames) => &mut frames.arrived,
        }
    }

    fn bytes(&mut self) -> usize {
        let own = match self {
            Self::Gzip(_) => GZIP_DECODER_BYTES,
            Self::Zstd(frames) => frames.context.sizeof(),
        };
        own + self.arrived().bytes.capacity()
    }

    /// Whether one gzip stream has ended and no other one has begun.
    fn is_after_an_end(&self) -> bool {
        // The shortest stream has 18 bytes, and a header that is none fails within ten.
        match self {
            Self::Gzip(gzip) => {
                let arrived = gzip.get_ref();
                gzip.header().is_none() && arrived.before + arrived.taken >= 18
            }
            Self::Zstd(_) => false,
        }
    }

    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Gzip(gzip) => gzip.read(into),
            Self::Zstd(frames) => frames.read(into),
        }
    }

    fn piece(&mut self, most: usize) -> io::Result<(End, Vec<u8>)> {
        let mut piece = Vec::new();
        let mut step = [0; 16 << 10];
        loop {
            let room = step.len().min(most - piece.len());
            let (into, _) = step.split_at_mut(room);
            if into.is_empty() {
                return Ok((End::Full, piece));
            }
            match self.read(into) {
                Ok(0) => return Ok((End::Done, piece)),
                Ok(read) => piece.extend_from_slice(into.get(..read).unwrap_or_default()),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    return Ok((End::Hungry, piece));
                }
                Err(error) => return Err(error),
            }
        }
    }
}

struct UnpackerResource(Mutex<(Unpacker, Reservation)>);

#[rustler::resource_impl]
impl Resource for UnpackerResource {}

/// For a body that comes in parts: `{:ok, unpacker}`.
#[rustler::nif]
fn content_unpacker<'a>(env: Env<'a>, catalog: CatalogRef, coding: Coding) -> Term<'a> {
    let unpacker = match coding {
        Coding::Gzip => {
            let gzip = MultiGzDecoder::new(Arrived::default());
            Ok(Unpacker::Gzip(Box::new(gzip)))
        }
        Coding::Zstd => Frames::new().map(Unpacker::Zstd),
    };
    match unpacker {
        Ok(unpacker) => {
            let nothing = catalog.0.memory().work.nothing();
            let resource = UnpackerResource(Mutex::new((unpacker, nothing)));
            (atoms::ok(), ResourceArc::new(resource)).encode(env)
        }
        Err(error) => invalid(env, &error.to_string()),
    }
}

twins! {
    /// Takes the next part of the body, which may be the last one, and gives the next `most`
    /// bytes of what it was before it was packed: `{:full, binary}`, when there may be more
    /// of them without another part; `{:hungry, binary}`, or at the end `{:done, binary}`.
    /// Its memory is counted: the error of a pool that is used up.
    content_unpack: "Normal", content_unpack_dirty: "DirtyCpu";
    fn(
        env, on;
        unpacker: ResourceArc<UnpackerResource>, part: Binary<'a>, last: bool, most: usize
    ) -> Term<'a> {
        let (unpacker, held) = &mut *lock(&unpacker.0);
        if unpacker.arrived().rest().len() + part.len() > on.at_most(SMALL) {
            return atoms::long().to_term(env);
        }
        unpacker.arrived().feed(&part, last);
        let piece = unpacker.piece(most.min(on.at_most(SMALL_PIECE)));
        let bytes = unpacker.bytes();
        held.shrink_to(bytes);
        if let Err(error) = held.grow(bytes.saturating_sub(held.bytes())) {
            return (atoms::error(), Failure(error)).encode(env);
        }
        match piece {
            Ok((end, piece)) => {
                let end = match end {
                    End::Full => words::full(),
                    End::Hungry => words::hungry(),
                    End::Done => words::done(),
                };
                (end, binary(env, &piece)).encode(env)
            }
            Err(error) => {
                let arrived = unpacker.arrived();
                let read = arrived.before + arrived.taken;
                let what = match error.kind() {
                    _ if unpacker.is_after_an_end() => {
                        "bytes follow the end of the gzip stream that are no other one".to_owned()
                    }
                    ErrorKind::UnexpectedEof => "a part is missing at its end".to_owned(),
                    _ => error.to_string(),
                };
                invalid(env, &format!("{what}; {read} bytes of it were read"))
            }
        }
    }
}

fn invalid<'a>(env: Env<'a>, detail: &str) -> Term<'a> {
    (
        atoms::error(),
        (words::invalid_content_coding(), detail, atoms::nil()),
    )
        .encode(env)
}
