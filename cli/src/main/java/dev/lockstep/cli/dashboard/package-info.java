/**
 * The web dashboard: a page, served on loopback, that shows the VMs of a process and steers them. It stands on {@link dev.lockstep.ft.control.ControlledVms} as the gRPC service does, so both
 * say the same of a VM and refuse the same.
 *
 * <p>A small HTTP/1.1 and WebSocket server ({@link dev.lockstep.cli.dashboard.Dashboard}): fixed assets from memory; {@code GET /api/samples}, the charts' last minutes; {@code POST /api/pause},
 * {@code resume}, {@code failover} and {@code kill}; two WebSockets, {@code /ws/state} (what VMs are, twice a second, and events) and {@code /ws/console} (a console by byte offset, and typing).
 *
 * <p>Who may: whoever knows the token that the process prints at its start, a cookie from then on. A browser also visits hostile pages, so every request's {@code Host} must be one of loopback
 * (DNS rebinding), the {@code Origin} of each POST and WebSocket must be the dashboard itself, and nothing but the page's own scripts may run in it (Content-Security-Policy).
 *
 * <p>Threads: one event loop, which never waits for a VM; an action, and each open stream, has a virtual thread that ends with it. A stream sends one frame and waits until it has
 * left, so a slow browser costs one frame: it then gets the newest state, skips what it missed of a console's ring, and is dropped if nothing moves for {@link
 * dev.lockstep.cli.dashboard.DashboardLimits#SEND_TIMEOUT_MILLIS}.
 */
@NullMarked
package dev.lockstep.cli.dashboard;

import org.jspecify.annotations.NullMarked;
