"""A storm of random work, blocking handlers and kills: nothing may be lost, and nobody hurt but the victims."""
