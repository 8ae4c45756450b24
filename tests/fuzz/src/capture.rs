//! The reader of captured traffic over arbitrary files.

use weft_capture::{Direction, read as captured};

/// Reads `input` as a capture: its first byte is a server's port if it is not 0.
pub(crate) fn read(input: &[u8]) -> Result<(), String> {
    let Some((&port, bytes)) = input.split_first() else {
        return Ok(());
    };
    let port = (port > 0).then_some(u16::from(port));
    let Ok(captured) = captured(bytes, port) else {
        return Ok(());
    };
    let mut sum = 0;
    for conversation in &captured.conversations {
        for direction in [&conversation.downstream, &conversation.upstream] {
            sum += direction.bytes();
            whole(direction).map_err(|wrong| format!("{}: {wrong}", conversation.name))?;
        }
    }
    match sum > bytes.len() {
        true => Err(format!("{sum} bytes out of {}", bytes.len())),
        false => Ok(()),
    }
}

/// Runs and holes lie one behind the other, and every byte came in some packet.
fn whole(direction: &Direction) -> Result<(), String> {
    let runs = direction.runs.iter();
    let mut places: Vec<(u64, u64)> = runs
        .map(|run| (run.offset, run.bytes.len() as u64))
        .chain(
            direction
                .missing
                .iter()
                .map(|hole| (hole.offset, hole.bytes)),
        )
        .collect();
    places.sort_unstable();
    for pair in places.windows(2) {
        if let [(at, bytes), (next, _)] = pair
            && at.saturating_add(*bytes) > *next
        {
            return Err(format!("{bytes} bytes at {at} reach past {next}"));
        }
    }
    for run in &direction.runs {
        let packets = run.packets.windows(2);
        let in_order = packets.into_iter().all(|pair| match pair {
            [(at, packet), (next, later)] => at < next && packet <= later,
            _ => true,
        });
        let first = run.packets.first().map(|(at, _)| *at);
        if run.bytes.is_empty() || first != Some(0) || !in_order {
            return Err(format!(
                "a run of {} bytes by {:?}",
                run.bytes.len(),
                run.packets
            ));
        }
    }
    Ok(())
}
