//! The memory that a large list takes while it arrives, and after.

use super::*;

#[test]
fn a_large_list_takes_the_memory_of_a_piece() {
    const ENTRIES: usize = 16 * 1024;
    const PIECE: usize = 64 * 1024;
    let lab = Lab::new();
    let kilobyte = OctetString::new(vec![7; 1024]).unwrap();
    let list = lab.list(|list| {
        for _ in 0..ENTRIES {
            list.entry(1, Some(vec![extension("1.3.6.1.4.1.32473.1", false, &kilobyte)]));
        }
        list.revoke(SERIAL, None);
    });
    assert!(list.len() > ENTRIES * 1024 && list.len() > MAX_LIST, "{}", list.len());
    let mut reader = LargeCrlReader::new([lab.certificate.serial.clone()].into());
    for piece in list.chunks(PIECE) {
        reader.push(piece).unwrap();
        assert!(reader.buffered() < 4 * PIECE, "{}", reader.buffered());
    }
    let large = reader.finish().unwrap();
    assert!(large.size() < 1024, "one serial number again and again: {}", large.size());
    let point = &lab.certificate.sources.points[0];
    let query = CrlQuery { certificate: &lab.certificate, issuer: &lab.issuer, point, now: now() };
    assert_eq!(short(check(&query, List::Large(&large), None)), Ok(Some(Reason::Unspecified)));
}
