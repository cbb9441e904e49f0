"""Answers judged by an open model: two answers compared in both orders, or one graded from 1 to 10."""
