"""What is read from AWS piece by piece, as values: records of CloudTrail, access logs, messages, what is suspicious."""
