//! SOCKS 5 (RFC 1928) with user and password (RFC 1929).

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::ControlFlow;

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::TcpStream;

use super::{Order, Part, Shared};
use crate::lab::http;
use crate::lab::reply::{Reply, Step};

const HOST_UNREACHABLE: u8 = 4;

/// An answer to a request with this code, bound to nowhere in particular.
pub fn reply(code: u8) -> [u8; 10] {
    [5, code, 0, 1, 0, 0, 0, 0, 0, 0]
}

/// Ends with an error where the peer goes.
pub(super) async fn serve(mut wire: TcpStream, shared: &Shared) -> io::Result<()> {
    let mut greeting = [0; 2];
    wire.read_exact(&mut greeting).await?;
    let mut methods = vec![0; greeting[1].into()];
    wire.read_exact(&mut methods).await?;
    let order = shared.state().order.clone();
    match order {
        Order::NoMethod => return wire.write_all(&[5, 0xff]).await,
        Order::Reply(reply) => return play(wire, &reply).await,
        Order::Say(Part::Method, steps) => return play(wire, &Reply::Script(steps)).await,
        Order::Say(Part::Login, steps) => {
            wire.write_all(&[5, 2]).await?;
            read_login(&mut wire).await?;
            return play(wire, &Reply::Script(steps)).await;
        }
        Order::Demand(user, password) => {
            wire.write_all(&[5, 2]).await?;
            let right = read_login(&mut wire).await? == (user.to_owned(), password.to_owned());
            wire.write_all(&[1, u8::from(!right)]).await?;
            if !right {
                return Ok(());
            }
        }
        Order::Pass
        | Order::Late(_)
        | Order::Establish(_)
        | Order::Socks(_)
        | Order::Say(Part::Request, _) => {
            wire.write_all(&[5, 0]).await?;
        }
    }
    request(wire, shared).await
}

async fn request(mut wire: TcpStream, shared: &Shared) -> io::Result<()> {
    let mut request = [0; 4];
    wire.read_exact(&mut request).await?;
    let host = match request[3] {
        1 => Ipv4Addr::from(wire.read_u32().await?).to_string(),
        4 => format!("[{}]", Ipv6Addr::from(wire.read_u128().await?)),
        _ => read_text(&mut wire).await?,
    };
    let to = format!("{host}:{}", wire.read_u16().await?);
    let code = match shared.asked(to.clone(), String::new()) {
        Order::Socks(code) => code,
        Order::Say(_, steps) => return play(wire, &Reply::Script(steps)).await,
        Order::Late(delay) => {
            tokio::time::sleep(delay).await;
            0
        }
        _ => 0,
    };
    match shared.names.get(&to) {
        Some(address) if code == 0 => {
            let mut origin = TcpStream::connect(address).await?;
            wire.write_all(&reply(0)).await?;
            copy_bidirectional(&mut wire, &mut origin).await.map(drop)
        }
        _ => {
            let code = if code == 0 { HOST_UNREACHABLE } else { code };
            play(wire, &Reply::Script(vec![Step::Send(reply(code).into()), Step::Hang])).await
        }
    }
}

async fn play(mut wire: TcpStream, reply: &Reply) -> io::Result<()> {
    if let ControlFlow::Break(how) = http::answer(&mut wire, reply, "GET").await? {
        http::end(wire, how).await;
    }
    Ok(())
}

/// User and password.
async fn read_login(wire: &mut TcpStream) -> io::Result<(String, String)> {
    wire.read_u8().await?; // the version
    Ok((read_text(wire).await?, read_text(wire).await?))
}

/// A text behind its length.
async fn read_text(wire: &mut TcpStream) -> io::Result<String> {
    let mut text = vec![0; wire.read_u8().await?.into()];
    wire.read_exact(&mut text).await?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}
