/* sealer_bridge.h - between the core and a sealer that runs as another user: the core's descriptor 3
 * on one side, the sealer's Unix socket (systemd starts it at each connection) on the other.
 *
 * Holds no key and understands nothing: bytes go both ways until one side hangs up. Blocks; one
 * thread. Returns the exit code: 0 the core is gone, 2 the path is none, 4 the sealer is gone, is not
 * there, or hung up without a word for 2 s.
 */
#pragma once

int tsn_sealer_bridge(const char *path);
