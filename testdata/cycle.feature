Feature: Two that lean on each other

  @T-1-03 @given:T-1-04
  Scenario: one
    Then it fails

  @T-1-04 @given:T-1-03
  Scenario: the other
    Then it fails
