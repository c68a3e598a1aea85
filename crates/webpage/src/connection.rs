//! What one connection may take: places, and patience.

use std::{
    collections::HashMap,
    io,
    net::{IpAddr, Ipv6Addr},
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    sync::Notify,
    time::{Instant, Sleep},
};

/// Connections at the same time.
const PLACES: usize = 512;
/// Of those, from one address, behind which many people may be.
const PLACES_EACH: usize = 256;
/// A reader that takes nothing for so long is cut off.
const STALLED: Duration = Duration::from_secs(60);

/// Counts connections.
#[derive(Clone, Default)]
pub struct Places(Arc<Counts>);

#[derive(Default)]
struct Counts {
    taken: Mutex<HashMap<IpAddr, usize>>,
    freed: Notify,
}

/// A place, until it is dropped.
pub struct Place {
    places: Places,
    key: IpAddr,
}

impl Places {
    pub fn take(&self, peer: IpAddr) -> Option<Place> {
        let key = network_of(peer);
        let mut taken = self.0.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let all: usize = taken.values().sum();
        // no entry for who gets no place: nobody would remove it
        if all >= PLACES || taken.get(&key).is_some_and(|mine| *mine >= PLACES_EACH) {
            return None;
        }
        *taken.entry(key).or_default() += 1;
        Some(Place { places: self.clone(), key })
    }

    pub fn empty(&self) -> bool {
        self.0.taken.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// Returns when a place was freed.
    pub async fn freed(&self) {
        self.0.freed.notified().await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.0.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = taken.get_mut(&self.key) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.key);
            }
        }
        self.places.0.freed.notify_one();
    }
}

/// Who can have one IPv6 address can have 2⁶⁴ of them, so they count as one.
fn network_of(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into(),
    }
}

/// A connection whose writes may not stall for ever.
pub struct Patient {
    stream: TcpStream,
    stalled: Pin<Box<Sleep>>,
    waiting: bool,
}

impl Patient {
    pub fn new(stream: TcpStream) -> Patient {
        Patient { stream, stalled: Box::pin(tokio::time::sleep(STALLED)), waiting: false }
    }

    fn judge<T>(&mut self, context: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.waiting = false;
            return written;
        }
        if !self.waiting {
            self.waiting = true;
            self.stalled.as_mut().reset(Instant::now() + STALLED);
        }
        ready!(self.stalled.as_mut().poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Patient {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Patient {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.judge(cx, written)
    }
    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.judge(cx, written)
    }
    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_cannot_take_all_places() {
        let places = Places::default();
        let (one, same, other) = ("2001:db8::1", "2001:db8::ffff", "192.0.2.1");
        let mut held: Vec<Place> =
            (0..PLACES_EACH).map(|_| places.take(one.parse().unwrap()).unwrap()).collect();
        assert!(places.take(same.parse().unwrap()).is_none());
        assert!(places.take(other.parse().unwrap()).is_some());
        held.pop();
        assert!(places.take(same.parse().unwrap()).is_some());
        assert!(!places.empty());
        drop(held);
        assert!(places.empty());
        // who came when all was taken is not counted
        let mut held: Vec<Place> = (0..=PLACES / PLACES_EACH)
            .flat_map(|n| (0..PLACES_EACH).map(move |_| IpAddr::from([192, 0, 2, n as u8])))
            .map_while(|peer| places.take(peer))
            .collect();
        assert!(held.len() == PLACES && places.take(one.parse().unwrap()).is_none());
        held.clear();
        assert!(places.empty());
    }
}
