//! Ports of this machine for nodes that start later, as in the demo and in tests.
//!
//! A port that is bound, let go and bound again is lost in between when an outgoing connection takes it for its own end.
//! The first of two nodes calls the second's port before that one listens, and TCP may even give such a call that very port
//! to call from: it then answers itself, and the second node never starts. So these ports are below those that a system
//! hands out to outgoing connections (from 32768 under Linux, from 49152 by IANA's list), and are claimed until dropped.

use std::{
    io::{Error, ErrorKind},
    net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket},
};

/// The ports to claim: registered ones, of which few machines use many.
const PORTS: std::ops::Range<u16> = 15_000..32_768;

/// A TCP port on loopback at which nobody listened when it was claimed, and that nobody else claims.
#[derive(Debug)]
pub struct ClaimedPort {
    number: u16,
    /// The claim, seen by every process of this machine: UDP's ports are others than TCP's, so that it is in no node's way.
    _claim: UdpSocket,
}

impl ClaimedPort {
    /// Claims a free port.
    ///
    /// # Errors
    /// [`ErrorKind::AddrInUse`] when there is none, and whatever else keeps a socket from being bound.
    pub fn claim() -> Result<Self, Error> {
        let count = u128::from(PORTS.end - PORTS.start);
        // Each claim begins somewhere else: a port that was just let go may still have connections that wait for their end.
        let begin = uuid::Uuid::new_v4().as_u128() % count;
        for step in 0..count {
            // Below `count`, which came from a u16.
            #[allow(clippy::cast_possible_truncation, reason = "a remainder of a u16")]
            let number = PORTS.start + ((begin + step) % count) as u16;
            match Self::of(number) {
                Err(error) if error.kind() == ErrorKind::AddrInUse => {}
                claimed => return claimed,
            }
        }
        Err(Error::new(ErrorKind::AddrInUse, format!("every port of {PORTS:?} is in use or claimed")))
    }

    fn of(number: u16) -> Result<Self, Error> {
        let at = (Ipv4Addr::LOCALHOST, number);
        let claim = UdpSocket::bind(at)?;
        drop(TcpListener::bind(at)?);
        Ok(Self { number, _claim: claim })
    }

    /// The port's number.
    #[must_use]
    pub fn number(&self) -> u16 {
        self.number
    }

    /// Where to listen and call: the port on loopback.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.number).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claimed_port_is_free_to_listen_at_and_nobody_else_claims_it() {
        let port = ClaimedPort::claim().unwrap();
        assert!(PORTS.contains(&port.number()));
        assert_eq!(ClaimedPort::of(port.number()).unwrap_err().kind(), ErrorKind::AddrInUse);
        let listener = TcpListener::bind(port.address()).unwrap();
        assert_eq!(listener.local_addr().unwrap(), port.address());
        let number = port.number();
        drop(port);
        assert_eq!(ClaimedPort::of(number).unwrap_err().kind(), ErrorKind::AddrInUse, "somebody listens there");
        drop(listener);
        assert_eq!(ClaimedPort::of(number).unwrap().number(), number);
    }
}
