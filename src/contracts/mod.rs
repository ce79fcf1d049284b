//! Floor 3: contracts, the sans-IO state machines that speak with clients.
