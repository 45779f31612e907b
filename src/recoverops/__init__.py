"""RecoverOps closes the loop on incidents: observe, detect, decide under gates, act, verify, and prove it."""
