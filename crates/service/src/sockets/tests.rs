use std::net::{Ipv4Addr, TcpStream};

use super::*;

const ANY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

fn given(name: &str) -> (SocketAddr, Given) {
    let listener = TcpListener::bind(ANY).expect("a free port");
    let given = Given::new(name, listener).expect("it listens");
    (given.address, given)
}

fn sockets(given: Vec<Given>) -> Sockets {
    let state = State {
        given,
        copies: Some(Vec::new()),
    };
    Sockets {
        state: Arc::new(Mutex::new(state)),
        takes_over: false,
    }
}

fn addresses(listeners: &[TcpListener]) -> Vec<SocketAddr> {
    let address = |listener: &TcpListener| listener.local_addr().expect("an address");
    listeners.iter().map(address).collect()
}

#[tokio::test]
async fn a_given_socket_is_known_by_its_address_whatever_its_name() {
    let (address, given) = given("radiodeck-lb.socket");
    let sockets = sockets(vec![given]);
    let listeners = sockets.bind_for_workers(address, 1, "listen").expect("given");
    assert_eq!(addresses(&listeners), [address]);
    assert!(sockets.with(|state| state.given.is_empty()));
}

#[tokio::test]
async fn any_free_port_is_the_one_that_the_predecessor_had_for_this_key() {
    let (admin, first) = given("service.admin_listen");
    let (address, second) = given("listen");
    let sockets = sockets(vec![first, second]);
    let listeners = sockets.bind_for_workers(ANY, 1, "listen").expect("given");
    assert_eq!(addresses(&listeners), [address]);
    let listener = sockets.bind(ANY, "service.admin_listen").expect("given");
    assert_eq!(addresses(&[listener]), [admin]);
}

#[tokio::test]
async fn what_is_given_for_another_address_is_closed() {
    let (address, given) = given("listen");
    let sockets = sockets(vec![given]);
    let other = SocketAddr::from(([127, 0, 0, 2], 0));
    let listeners = sockets.bind_for_workers(other, 2, "listen").expect("bound");
    assert_eq!(listeners.len(), 2);
    assert!(!addresses(&listeners).contains(&address));
    sockets.close_unwanted();
    assert!(TcpStream::connect(address).is_err());
}

#[tokio::test]
async fn more_workers_than_sockets_share_them() {
    let (address, given) = given("listen");
    let sockets = sockets(vec![given]);
    let listeners = sockets.bind_for_workers(address, 3, "listen").expect("given");
    assert_eq!(addresses(&listeners), [address; 3]);
    let for_successor = sockets.for_successor().expect("possible").expect("copied");
    assert_eq!(for_successor.len(), 1, "shares are not handed on");
}

#[tokio::test]
async fn fewer_workers_than_sockets_take_all_of_them() {
    let listeners = bind_each(ANY, 3, "listen").expect("bound");
    let address = addresses(&listeners)[0];
    let given = listeners.into_iter();
    let given = given.map(|listener| Given::new("listen", listener).expect("it listens"));
    let sockets = sockets(given.collect());
    let listeners = sockets.bind_for_workers(address, 2, "listen").expect("given");
    assert_eq!(addresses(&listeners), [address; 3]);
}

#[tokio::test]
async fn a_port_that_another_process_shares_is_not_taken() {
    let other = bind_each(ANY, 1, "listen").expect("bound");
    let taken = addresses(&other)[0];
    let error = sockets(Vec::new()).bind_for_workers(taken, 1, "listen");
    assert!(
        error
            .expect_err("in use")
            .to_string()
            .contains("another process holds it")
    );
}

#[tokio::test]
async fn nothing_stays_open_for_a_successor_that_cannot_come() {
    let sockets = sockets(Vec::new());
    let listeners = sockets.bind_for_workers(ANY, 2, "listen").expect("bound");
    let address = addresses(&listeners)[0];
    sockets.let_go();
    assert!(sockets.for_successor().is_none());
    drop(listeners);
    assert!(TcpStream::connect(address).is_err());
}
