"""Messages that leave Darkroom: webhooks to users, notifications to operators, e-mail."""
