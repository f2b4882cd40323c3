"""Asking: profiles, servers, clients, conversations, and the engine that looks ahead."""
