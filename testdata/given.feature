Feature: Requirements that lean on each other

  @T-1-01
  Scenario: the root
    Then it fails

  @T-1-01
  Scenario: the root, in another way
    Then nothing happens

  @T-1-02
  Scenario: a SHOULD
    Then it fails

  @T-1-03 @given:T-1-01
  Scenario: leans on the root
    Then it fails

  @T-1-04 @given:T-1-03
  Scenario: leans on what leans on the root
    Then it fails

  @T-1-04 @given:T-1-01
  Scenario: leans on the root and passes
    Then nothing happens

  @T-2-01
  Scenario: of a device
    Then it fails

  @T-2-02
  Scenario: of a capability
    Then it fails
